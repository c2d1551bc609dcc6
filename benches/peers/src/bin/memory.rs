//! Measures the memory that the tasks of one executor take: `memory EXECUTOR`.

use std::alloc::System;
use std::io;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> io::Result<()> {
    turnwise_peers::memory::main(ALLOCATOR)
}
