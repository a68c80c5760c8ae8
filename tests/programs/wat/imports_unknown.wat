;; Imports what no host of connectors gives.
(import "evil:host/backdoor@1.0.0" "open" (func $open))

(func $run
  (call $open))
