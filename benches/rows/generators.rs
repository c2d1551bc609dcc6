//! Generators: getting the next value, and sending a value. Neither needs an executor.

use turnwise::Generator;
use turnwise::generator::Coroutine;

use super::{Kind, Row, Setup, Work, hidden};

/// A crate with generators. At each call, the generator is hidden from the optimizer.
pub(crate) trait Yields {
    /// Sums the values of a generator that counts down from `n`.
    fn pull(n: u64) -> u64;

    /// Sends the numbers below `n` to a generator, which returns their sum.
    fn push(n: u64) -> u64;
}

pub(crate) fn rows<G: Yields>() -> Vec<Row> {
    let row = |name, work| Row { name, batch: 1, size: 500_000, kind: Kind::Computes, work };
    vec![row("generator_next", pulled::<G> as Setup), row("coroutine_send", pushed::<G>)]
}

fn pulled<G: Yields>() -> Work {
    Box::new(|n| assert_eq!(G::pull(hidden(n)), n * n.saturating_sub(1) / 2))
}

fn pushed<G: Yields>() -> Work {
    Box::new(|n| assert_eq!(G::push(hidden(n)), n * n.saturating_sub(1) / 2))
}

/// Turnwise's own.
pub(crate) struct Own;

impl Yields for Own {
    fn pull(n: u64) -> u64 {
        let mut values = Generator::new(async |co| {
            for value in (0..n).rev() {
                co.yield_(value).await;
            }
        });
        let mut sum = 0;
        while let Some(value) = hidden(&mut values).next() {
            sum += value;
        }
        sum
    }

    fn push(n: u64) -> u64 {
        let sink = Coroutine::new(async |co| {
            let mut sum = 0;
            while let Ok(value) = co.try_yield(()).await {
                sum += value;
            }
            sum
        });
        (0..n).for_each(|value| assert!(hidden(&sink).send(value).is_ok()));
        sink.close().expect("it returns");
        sink.take_result().expect("it has returned")
    }
}

/// The same by hand: a boxed iterator and a boxed closure.
pub(crate) struct ByHand;

impl Yields for ByHand {
    fn pull(n: u64) -> u64 {
        let mut values: Box<dyn Iterator<Item = u64>> = Box::new(Countdown(n));
        let mut sum = 0;
        while let Some(value) = hidden(&mut values).next() {
            sum += value;
        }
        sum
    }

    fn push(n: u64) -> u64 {
        let mut sum = 0;
        let mut sink: Box<dyn FnMut(u64)> = Box::new(|value| sum += value);
        (0..n).for_each(|value| hidden(&mut sink)(value));
        drop(sink);
        sum
    }
}

struct Countdown(u64);

impl Iterator for Countdown {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0 = self.0.checked_sub(1)?;
        Some(self.0)
    }
}
