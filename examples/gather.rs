//! Several tasks at once, as on the slides: `gather` keeps the order of the arguments, `as_completed` that of
//! the ends, and `wait` stops when you say. Each section prints what its Python program prints.
//!
//! Run it with `cargo run --example gather`.
