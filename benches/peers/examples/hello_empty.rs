//! A program that does nothing: what each of the others has, too.

fn main() {}
