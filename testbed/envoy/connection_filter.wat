;; The source of connection_filter.wasm; `wat2wasm connection_filter.wat` (of WABT) assembles it.
;;
;; One virtual machine runs it in three places. They share its memory:
;;
;;   caller   a network filter on each connection of a caller, before the HTTP connection manager
;;   request  an HTTP filter on each request
;;   app      a network filter on each connection towards an app, in an internal listener
;;
;; The filter state "testbed.caller" is the number of the caller's connection, in all three places.
;;
;; Names and numbers are those of the Proxy-Wasm ABI, version 0.2.1: map 2 is the response headers; stream 1 is the
;; response, stream 2 a connection; buffer 3 is what the app sends; action 0 continues and action 1 pauses; a
;; connection is closed by peer 1 (this Envoy) or 2 (the other side).
(module
  (import "env" "proxy_get_header_map_value" (func $get_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $get_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $get_bytes (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $become (param i32) (result i32)))
  (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick_every (param i32) (result i32)))

  ;; 0: address and 4: size of the last value from the host. 1024: that value. 65536: the table of callers.
  ;; 8: how many callers wait for their end. 2048: these, at most 4096, each as its row and its number.
  (memory (export "memory") 65)
  (data (i32.const 16) "x-testbed-reset")
  (data (i32.const 32) "x-testbed-close")
  (data (i32.const 48) "filter_state\00testbed.caller")
  (data (i32.const 80) "refused")
  (data (i32.const 88) "http2")
  (data (i32.const 96) "reset")

  ;; A row of the table, 32 bytes: the number of the caller's connection, its context, the context of the connection
  ;; to the app, whether a request is under way, and four facts about the connection to the app. The third is how it
  ;; failed: 1 if it was refused, 2 if the app's side reset it. The last is what it answers: 1 is HTTP/1.0, 2 is HTTP/2.
  (global $number (mut i32) (i32.const 0))  ;; of the caller whose row `$row` returned last
  (func $is_known (param $row i32) (result i32)
    (i32.and (i32.ne (local.get $row) (i32.const 0)) (i32.eq (i32.load (local.get $row)) (global.get $number))))
  (func $caller (param $row i32) (result i32) (i32.load offset=4 (local.get $row)))
  (func $app (param $row i32) (result i32) (i32.load offset=8 (local.get $row)))
  (func $busy (param $row i32) (result i32) (i32.load offset=12 (local.get $row)))
  (func $ended (param $row i32) (result i32) (i32.load offset=16 (local.get $row)))
  (func $connected (param $row i32) (result i32) (i32.load offset=20 (local.get $row)))
  (func $failed (param $row i32) (result i32) (i32.load offset=24 (local.get $row)))
  (func $answers (param $row i32) (result i32) (i32.load offset=28 (local.get $row)))

  (func $row (result i32)  ;; the row of the current connection or request; 0 if it has no number
    (local $at i32) (local $end i32)
    (global.set $number (i32.const 0))
    (if (call $get_property (i32.const 48) (i32.const 27) (i32.const 0) (i32.const 4)) (then (return (i32.const 0))))
    (local.set $at (i32.load (i32.const 0)))
    (local.set $end (i32.add (local.get $at) (i32.load (i32.const 4))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (global.set $number
          (i32.add (i32.mul (global.get $number) (i32.const 10))
            (i32.sub (i32.load8_u (local.get $at)) (i32.const 48))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (i32.add (i32.const 65536) (i32.mul (i32.and (global.get $number) (i32.const 131071)) (i32.const 32))))

  (func $close_connection (param $context i32)
    (if (i32.eqz (call $become (local.get $context))) (then (drop (call $close (i32.const 2))))))

  (func $end (param $row i32)
    (i32.store offset=16 (local.get $row) (i32.const 1))
    (if (i32.eqz (call $busy (local.get $row))) (then (call $close_connection (call $caller (local.get $row))))))

  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_context_create") (param i32 i32))

  ;; caller: a new row. app: its connection belongs to a row that is there.
  (func (export "proxy_on_new_connection") (param $context i32) (result i32)
    (local $row i32)
    (local.set $row (call $row))
    (if (local.get $row)
      (then
        (if (call $is_known (local.get $row))
          (then (i32.store offset=8 (local.get $row) (local.get $context)))
          (else
            (i32.store (local.get $row) (global.get $number))
            (i32.store offset=4 (local.get $row) (local.get $context))
            (i32.store offset=8 (local.get $row) (i32.const 0))
            (i32.store offset=12 (local.get $row) (i32.const 0))))
        (i64.store offset=16 (local.get $row) (i64.const 0))
        (i64.store offset=24 (local.get $row) (i64.const 0))))
    (i32.const 0))

  ;; app: data is read only after the connection is established.
  (func (export "proxy_on_downstream_data") (param $context i32) (param i32 i32) (result i32)
    (local $row i32)
    (local.set $row (call $row))
    (if (call $is_known (local.get $row))
      (then
        (if (i32.eq (call $app (local.get $row)) (local.get $context))
          (then (i32.store offset=20 (local.get $row) (i32.const 1))))))
    (i32.const 0))

  ;; app: an answer in HTTP/1.0 ends the connection, and no header says so. HTTP/2 begins with a frame of type 4 on
  ;; stream 0, whose length takes less than two bytes.
  (func (export "proxy_on_upstream_data") (param $context i32) (param i32 i32) (result i32)
    (local $row i32) (local $head i64)
    (local.set $row (call $row))
    (if (call $is_known (local.get $row))
      (then
        (if (i32.eq (call $app (local.get $row)) (local.get $context))
          (then
            (if (i32.eqz (call $get_bytes (i32.const 3) (i32.const 0) (i32.const 8) (i32.const 0) (i32.const 4)))
              (then
                (if (i32.eq (i32.load (i32.const 4)) (i32.const 8))
                  (then
                    (local.set $head (i64.load (i32.load (i32.const 0))))
                    (if (i64.eq (local.get $head) (i64.const 0x302e312f50545448))  ;; "HTTP/1.0"
                      (then (i32.store offset=28 (local.get $row) (i32.const 1))))
                    (if (i64.eq (i64.and (local.get $head) (i64.const 0xffffff00ff00ffff)) (i64.const 0x0000000004000000))
                      (then (i32.store offset=28 (local.get $row) (i32.const 2))))))))))))
    (i32.const 0))

  ;; app: it has sent a FIN.
  (func (export "proxy_on_upstream_connection_close") (param $context i32) (param i32)
    (local $row i32)
    (local.set $row (call $row))
    (if (call $is_known (local.get $row))
      (then
        (if (i32.eq (call $app (local.get $row)) (local.get $context)) (then (call $end (local.get $row)))))))

  ;; caller: its connection is closed, so that to the app is closed too. app: the other way round. Without a FIN before
  ;; it, the end of an established connection to the app is a reset.
  (func (export "proxy_on_downstream_connection_close") (param $context i32) (param $peer i32)
    (local $row i32)
    (local.set $row (call $row))
    (if (i32.eqz (call $is_known (local.get $row))) (then (return)))
    (if (i32.eq (call $caller (local.get $row)) (local.get $context))
      (then
        (i32.store (local.get $row) (i32.const 0))
        (if (i32.and (i32.ne (call $app (local.get $row)) (i32.const 0)) (i32.eqz (call $ended (local.get $row))))
          (then (call $close_connection (call $app (local.get $row)))))
        (return)))
    (if (i32.eq (call $app (local.get $row)) (local.get $context))
      (then
        (if (i32.and (i32.eq (local.get $peer) (i32.const 1)) (i32.eqz (call $ended (local.get $row))))
          (then (i32.store offset=24 (local.get $row) (i32.add (i32.const 1) (call $connected (local.get $row))))))
        (call $end (local.get $row)))))

  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (local $row i32)
    (local.set $row (call $row))
    (if (call $is_known (local.get $row)) (then (i32.store offset=12 (local.get $row) (i32.const 1))))
    (i32.const 0))

  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
    (local $row i32)
    (local.set $row (call $row))
    (if (i32.eqz (call $get_header (i32.const 2) (i32.const 16) (i32.const 15) (i32.const 0) (i32.const 4)))
      (then
        (if (call $is_known (local.get $row))
          (then
            (if (i32.eq (call $failed (local.get $row)) (i32.const 1))
              (then (drop (call $set_property (i32.const 80) (i32.const 7) (i32.const 80) (i32.const 7)))))
            (if (i32.eq (call $failed (local.get $row)) (i32.const 2))
              (then (drop (call $set_property (i32.const 96) (i32.const 5) (i32.const 96) (i32.const 5)))))))
        (drop (call $close (i32.const 1)))  ;; reset the stream, send nothing
        (return (i32.const 1))))
    (if (call $is_known (local.get $row))
      (then
        (if (i32.eq (call $answers (local.get $row)) (i32.const 2))
          (then (drop (call $set_property (i32.const 88) (i32.const 5) (i32.const 88) (i32.const 5)))))
        (if (i32.eq (call $answers (local.get $row)) (i32.const 1))
          (then
            (drop (call $add_header (i32.const 2) (i32.const 32) (i32.const 15) (i32.const 80) (i32.const 1)))))))
    (i32.const 0))

  ;; request: it is over. Envoy still works on it, so the connection is closed a moment later.
  (func (export "proxy_on_log") (param i32)
    (local $row i32) (local $at i32)
    (local.set $row (call $row))
    (if (i32.eqz (call $is_known (local.get $row))) (then (return)))
    (i32.store offset=12 (local.get $row) (i32.const 0))
    (if (i32.and (call $ended (local.get $row)) (i32.lt_u (i32.load (i32.const 8)) (i32.const 4096)))
      (then
        (local.set $at (i32.mul (i32.load (i32.const 8)) (i32.const 8)))
        (i32.store offset=2048 (local.get $at) (local.get $row))
        (i32.store offset=2052 (local.get $at) (global.get $number))
        (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1)))
        (drop (call $tick_every (i32.const 1))))))

  (func (export "proxy_on_tick") (param i32)
    (local $row i32) (local $at i32)
    (drop (call $tick_every (i32.const 0)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (i32.load (i32.const 8))))
        (i32.store (i32.const 8) (i32.sub (i32.load (i32.const 8)) (i32.const 1)))
        (local.set $at (i32.mul (i32.load (i32.const 8)) (i32.const 8)))
        (local.set $row (i32.load offset=2048 (local.get $at)))
        (if (i32.eq (i32.load (local.get $row)) (i32.load offset=2052 (local.get $at)))
          (then (call $end (local.get $row))))
        (br $next)))))
