;; Grows a table, a thousand elements at a time.
(table $table 1 funcref)

(func $run
  (loop $again
    (if (i32.eq (table.grow $table (ref.null func) (i32.const 1000)) (i32.const -1)) (then unreachable))
    (br $again)))
