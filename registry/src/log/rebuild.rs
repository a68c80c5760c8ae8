//! The registry's state, made anew from what the log says, and held against what is served.
