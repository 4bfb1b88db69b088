package main

import "hash/fnv"

// knot is a point of a distribution, percent and milliseconds: that share of the requests takes at most so long.
type knot [2]float64

// unit maps a text to [0, 1): FNV-1a (32 bits), mixed by the finalizer of MurmurHash3, over 2^32.
func unit(text string) float64 {
	hash := fnv.New32a()
	hash.Write([]byte(text))
	h := hash.Sum32()
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return float64(h^h>>16) / (1 << 32)
}

// draw returns the milliseconds at `at` (0 to 1) of a distribution, linear between its knots.
func draw(knots []knot, at float64) float64 {
	percent := 100 * at
	for i := 1; i < len(knots); i++ {
		if low, high := knots[i-1], knots[i]; percent < high[0] {
			share := float64((high[1]-low[1])*(percent-low[0])) / (high[0] - low[0])
			return low[1] + share
		}
	}
	return 0
}
