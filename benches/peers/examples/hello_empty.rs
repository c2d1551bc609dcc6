//! An empty program: its size is subtracted from those of the others.

fn main() {}
