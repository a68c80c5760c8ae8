;; Built for a contract that does not exist yet: the build turns 0.1.0 into 0.3.0 throughout.
(func $run)
