// Asks stock with grpc-go, without generated code.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"your-services/serving"
)

// raw leaves messages as they are; generated code needs none of this.
type raw struct{}

func (raw) Name() string                        { return "proto" }
func (raw) Marshal(message any) ([]byte, error) { return message.([]byte), nil }
func (raw) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = bytes.Clone(data)
	return nil
}

func main() {
	stock, err := grpc.NewClient(os.Getenv("STOCK_ADDR"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	serving.Serve(func(ctx context.Context, path, baggage string) (string, error) {
		message, err := json.Marshal(map[string]string{"path": path})
		if err != nil {
			return "", err
		}
		ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(ctx, "baggage", baggage), 3*time.Second)
		defer cancel()
		var reply []byte // with generated code: reply, err := pb.NewStockClient(stock).Get(ctx, request)
		err = stock.Invoke(ctx, "/testbed.v1.Stub/Call", message, &reply, grpc.ForceCodec(raw{}))
		return string(reply), err
	})
}
