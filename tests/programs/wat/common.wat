;; What every program in WAT shares, appended to it: memory, `describe`, and an `invoke` that calls $run and, should that
;; return, answers "done". OPERATIONS and LENGTH are filled in by the build.
(memory $memory (export "memory") 4)
(global $next (mut i32) (i32.const 16384))
(data (memory $memory) (i32.const 64) "\"done\"")
(data (memory $memory) (i32.const 1024) "OPERATIONS")

(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (global.set $next (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
  (global.get $next)
  (global.set $next (i32.add (global.get $next) (local.get 3))))

(func (export "jackfield:connector/descriptor@0.1.0#describe") (result i32)
  (i32.store $memory (i32.const 16) (i32.const 1024))
  (i32.store $memory (i32.const 20) (i32.const LENGTH))
  (i32.const 16))

;; operation, input, config, connection, idempotency-key, deadline-ms -> result<string, error>
(func (export "jackfield:connector/operations@0.1.0#invoke")
  (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $run)
  (i32.store $memory (i32.const 32) (i32.const 0))
  (i32.store $memory (i32.const 40) (i32.const 64))
  (i32.store $memory (i32.const 44) (i32.const 6))
  (i32.const 32))
