;; The source of reset_filter.wasm; `wat2wasm reset_filter.wat` (of WABT) assembles it.
;;
;; Names and numbers are those of the Proxy-Wasm ABI, version 0.2.1: map 2 is the response headers, stream 1 the
;; response, action 0 continues and action 1 pauses.
(module
  (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "x-testbed-reset")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))  ;; where the host puts a header's value
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
    (if (result i32) (call $get (i32.const 2) (i32.const 16) (i32.const 15) (i32.const 0) (i32.const 4))
      (then (i32.const 0))  ;; there is no such header: continue
      (else (drop (call $close (i32.const 1))) (i32.const 1)))))  ;; reset the stream, send nothing
