//! Spans of the crate `tracing`: one for each task, inside the span of the task that spawned it. What a task logs is in
//! its span, and each transition of a task is an event at level `TRACE`.
//!
//! Run it with `cargo run --features tracing --example spans`. Its output is at the end of this file.

use std::fmt::{self, Write};
use std::sync::Mutex;
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use turnwise::{JoinError, Scheduler, sleep, spans::TaskSpans, task};

fn main() -> Result<(), JoinError> {
    // A program that is not an example would install a subscriber of the crate `tracing-subscriber` here.
    tracing::subscriber::set_global_default(Lines::default()).expect("it is the only one");
    let scheduler = Scheduler::builder().virtual_time().observer(TaskSpans::new()).build();
    scheduler.block_on(async {
        tracing::info!("breakfast for two");
        let tea = task::Builder::new().name("tea").spawn(async {
            tracing::info!("the water boils");
            sleep(Duration::from_secs(240)).await;
            tracing::info!("ready");
        });
        tea.await
    })
}

// ----- a subscriber -----

/// Prints a line for each event, with the spans that it is in, the outermost first.
#[derive(Default)]
struct Lines {
    /// The paths of all spans, by their numbers less one.
    paths: Mutex<Vec<String>>,
    /// The numbers of the spans that are entered.
    entered: Mutex<Vec<u64>>,
}

impl Lines {
    fn path(&self, span: Option<&Id>) -> String {
        let entered = self.entered.lock().expect("nothing panics").last().copied();
        let number = span.map(Id::into_u64).or(entered);
        let index = number.and_then(|number| usize::try_from(number - 1).ok());
        let paths = self.paths.lock().expect("nothing panics");
        index.map(|index| paths[index].clone()).unwrap_or_default()
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut path = Text(self.path(span.parent()));
        span.record(&mut path);
        path.0.push_str(": ");
        let mut paths = self.paths.lock().expect("nothing panics");
        paths.push(path.0);
        Id::from_u64(paths.len() as u64)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Text(self.path(event.parent()));
        event.record(&mut line);
        println!("{:5} {}", event.metadata().level().as_str(), line.0);
    }

    fn enter(&self, span: &Id) {
        self.entered.lock().expect("nothing panics").push(span.into_u64());
    }

    fn exit(&self, _span: &Id) {
        self.entered.lock().expect("nothing panics").pop();
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
}

/// A text to which fields are added.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "id" => write!(self.0, "#{value:?}"),
            "name" => write!(self.0, " {value:?}"),
            "message" => write!(self.0, "{value:?}"),
            _ => Ok(()), // the place, for which there is no room here
        };
    }
}

// Output:
//
// TRACE #1 "main": spawn #1
// TRACE #1 "main": schedule #1 (new)
// TRACE #1 "main": turn #1
// INFO  #1 "main": breakfast for two
// TRACE #1 "main": #2 "tea": spawn #2
// TRACE #1 "main": #2 "tea": schedule #2 (new)
// TRACE #1 "main": #1 waits
// TRACE #1 "main": #2 "tea": turn #2
// INFO  #1 "main": #2 "tea": the water boils
// TRACE #1 "main": #2 "tea": #2 waits
// TRACE clock jumps to the next deadline
// TRACE timer
// TRACE #1 "main": #2 "tea": schedule #2 (by a timer)
// TRACE #1 "main": #2 "tea": turn #2
// INFO  #1 "main": #2 "tea": ready
// TRACE #1 "main": #2 "tea": #2 returned
// TRACE #1 "main": #2 "tea": exit #2
// TRACE #1 "main": schedule #1 (by #2)
// TRACE #1 "main": turn #1
// TRACE #1 "main": #1 returned
// TRACE #1 "main": exit #1
