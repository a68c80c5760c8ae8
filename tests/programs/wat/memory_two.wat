;; Grows two memories by turns, a megabyte each: neither is ever large, together they are.
(memory $second 1)

(func $run
  (loop $again
    (if (i32.eq (memory.grow $memory (i32.const 16)) (i32.const -1)) (then unreachable))
    (if (i32.eq (memory.grow $second (i32.const 16)) (i32.const -1)) (then unreachable))
    (br $again)))
