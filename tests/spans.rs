//! The feature `tracing`: a span per task, the spans of what it spawns inside it, and an event for each transition.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use turnwise::spans::TaskSpans;
use turnwise::{Scheduler, spawn, task, yield_now};

/// Writes down spans and events, each with the span that it is in.
#[derive(Default)]
struct Log {
    numbers: AtomicU64,
    names: Mutex<HashMap<u64, String>>,
    current: Mutex<Vec<u64>>,
    lines: Arc<Mutex<Vec<String>>>,
}

/// The values of the fields, in order, without the place.
#[derive(Default)]
struct Values(String);

impl Visit for Values {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() != "spawned_at" {
            let space = if self.0.is_empty() { "" } else { " " };
            let _ = write!(self.0, "{space}{value:?}");
        }
    }
}

impl Log {
    fn name(&self, span: Option<u64>) -> String {
        span.map_or("-".to_owned(), |span| self.names.lock().expect("not poisoned")[&span].clone())
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "turnwise" || metadata.target().starts_with("spans")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let mut values = Values::default();
        span.record(&mut values);
        let parent = self.current.lock().expect("not poisoned").last().copied();
        assert!(span.is_contextual());
        let line = format!("span [{}] in [{}]", values.0, self.name(parent));
        self.names.lock().expect("not poisoned").insert(number, values.0);
        self.lines.lock().expect("not poisoned").push(line);
        Id::from_u64(number)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut values = Values::default();
        event.record(&mut values);
        let current = self.current.lock().expect("not poisoned").last().copied();
        let span = event.parent().map(Id::into_u64).or(current.filter(|_| event.is_contextual()));
        self.lines.lock().expect("not poisoned").push(format!(
            "{} in [{}]",
            values.0,
            self.name(span)
        ));
    }

    fn enter(&self, span: &Id) {
        self.current.lock().expect("not poisoned").push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        assert_eq!(self.current.lock().expect("not poisoned").pop(), Some(span.into_u64()));
    }
}

fn logged(run: impl FnOnce(&Scheduler)) -> Vec<String> {
    let log = Log::default();
    let lines = Arc::clone(&log.lines);
    tracing::subscriber::with_default(log, || {
        run(&Scheduler::builder().observer(TaskSpans::new()).build());
    });
    std::mem::take(&mut *lines.lock().expect("not poisoned"))
}

#[test]
fn a_task_has_a_span_inside_the_span_of_the_task_that_spawned_it() {
    let lines = logged(|scheduler| {
        scheduler.block_on(async {
            tracing::info!("starting");
            let inner = task::Builder::new().name("inner").spawn(async {
                tracing::info!("first");
                yield_now().await;
                tracing::info!("second");
            });
            inner.await.unwrap();
        });
    });
    assert_eq!(
        lines,
        [
            "span [1 \"main\"] in [-]",
            "spawn #1 in [1 \"main\"]",
            "schedule #1 (new) in [1 \"main\"]",
            "turn #1 in [1 \"main\"]",
            "starting in [1 \"main\"]",
            "span [2 \"inner\"] in [1 \"main\"]",
            "spawn #2 in [2 \"inner\"]",
            "schedule #2 (new) in [2 \"inner\"]",
            "#1 waits in [1 \"main\"]",
            "turn #2 in [2 \"inner\"]",
            "first in [2 \"inner\"]",
            "#2 yields in [2 \"inner\"]",
            "schedule #2 (by #2) in [2 \"inner\"]",
            "turn #2 in [2 \"inner\"]",
            "second in [2 \"inner\"]",
            "#2 returned in [2 \"inner\"]",
            "exit #2 in [2 \"inner\"]",
            "schedule #1 (by #2) in [1 \"main\"]",
            "turn #1 in [1 \"main\"]",
            "#1 returned in [1 \"main\"]",
            "exit #1 in [1 \"main\"]",
        ]
    );
}

#[test]
fn the_spans_of_a_scopes_children_nest_and_a_panic_leaves_none_entered() {
    let lines = logged(|scheduler| {
        let failed = scheduler.spawn(async {
            task::scope(async |s| {
                let _child = s.spawn(async {
                    tracing::info!("in the child");
                });
            })
            .await
            .unwrap();
            tracing::info!("after the scope");
            spawn(async {}).await.unwrap();
            std::panic::resume_unwind(Box::new("on purpose"));
        });
        assert!(scheduler.block_on(failed).unwrap_err().is_panic());
        tracing::info!("outside");
    });
    let of_program = |line: &&String| {
        line.starts_with("in ") || line.starts_with("after ") || line.starts_with("outside")
    };
    let lines: Vec<&String> = lines.iter().filter(of_program).collect();
    assert_eq!(lines, ["in the child in [3]", "after the scope in [1]", "outside in [-]"]);
}

#[test]
fn the_span_of_a_root_that_panics_is_left() {
    let lines = logged(|scheduler| {
        let root =
            || scheduler.block_on(async { std::panic::resume_unwind(Box::new("on purpose")) });
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(root)).is_err());
        tracing::info!("outside");
    });
    assert!(lines.contains(&"outside in [-]".to_owned()), "{lines:#?}");
}
