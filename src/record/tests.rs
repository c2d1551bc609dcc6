//! Random events, most of which contradict each other, against the rules that hold for every recording.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::panic::Location;
use std::time::Duration;

use proptest::prelude::*;

use crate::record::event::{Entry, Event};
use crate::record::recorder::Recorder;
use crate::record::recording::Recording;
use crate::record::replay::Replay;
use crate::record::snapshot::StateLine;
use crate::record::state::{State, TaskPhase};
use crate::record::tables::Tables;
use crate::record::values::{Actor, Ask, Awaited, EndReason, Outcome};

/// What an event is made of; each kind uses some of it.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    kind: u8,
    a: u64,
    b: u64,
    count: u32,
    time: u64,
    on: Awaited,
    by: Actor,
    text: String,
    outcome: Outcome,
}

/// A few ids, so that events meet, and the extreme ones.
fn id() -> impl Strategy<Value = u64> {
    let extreme = prop_oneof![Just(1 << 53), Just((1 << 53) + 1), Just(u64::MAX)];
    prop_oneof![8 => 0..5_u64, 1 => extreme]
}

fn actor() -> impl Strategy<Value = Actor> {
    (0..9, id()).prop_map(|(kind, id)| match kind {
        0 => Actor::Timer(id),
        1 => Actor::Remote,
        2 => Actor::Io(id),
        3 => Actor::Request,
        4 => Actor::Outside,
        _ => Actor::Task(id),
    })
}

fn awaited() -> impl Strategy<Value = Awaited> {
    (0..7, id()).prop_map(|(kind, id)| match kind {
        0 => Awaited::Task(id),
        1 => Awaited::Timer(id),
        2 => Awaited::Scope(id),
        3 => Awaited::Job(id),
        4 => Awaited::Io(id),
        _ => Awaited::Resource(id),
    })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    (0..6).prop_map(|kind| match kind {
        0 => Outcome::Ready,
        1 => Outcome::Panic,
        2 => Outcome::Cancelled,
        _ => Outcome::Pending,
    })
}

pub(crate) fn made() -> impl Strategy<Value = Made> {
    // The events of turns are more frequent than the others.
    let kind = prop_oneof![1 => 0..6_u8, 1 => 0..40_u8];
    let count = prop_oneof![4 => 0..4_u32, 1 => any::<u32>()];
    let time = prop_oneof![8 => 0..9_u64, 1 => Just(u64::MAX)];
    let text = prop_oneof![2 => "[ab]?", 1 => any::<String>()];
    let ids = (id(), id(), count, time);
    (kind, ids, awaited(), actor(), text, outcome()).prop_map(
        |(kind, (a, b, count, time), on, by, text, outcome)| Made {
            kind,
            a,
            b,
            count,
            time,
            on,
            by,
            text,
            outcome,
        },
    )
}

impl Made {
    fn event(&self, recorder: &Recorder) -> Event {
        let (task, other, count) = (self.a, self.b, self.count);
        let (by, on, outcome) = (self.by, self.on, self.outcome);
        let text = recorder.text(&self.text);
        let name = (count % 2 == 0).then_some(text);
        match self.kind {
            0 => Event::Spawn { task, name, by },
            1 => Event::Schedule { task, at: (count != 0).then_some(count) },
            2 => Event::Poll { task, turn: other },
            3 => Event::Return { task, outcome },
            4 => Event::Wake { task, by },
            5 => Event::Wait { task, on },
            6 => Event::Unwait { task, on },
            7 => Event::Done { task, outcome: Outcome::Panic, message: name },
            8 => Event::Drop { task },
            9 => {
                let part = Some(recorder.place(Location::caller()));
                Event::Ask(Box::new(Ask { task, part, why: text, by }))
            }
            10 => Event::Catch { task, why: text },
            11 => Event::Resume { task, why: text },
            12 => Event::Cleaned { task },
            13 | 14 => Event::Mask { task, on: self.kind == 13 },
            15 | 16 => Event::Scope { scope: other, task, is_open: self.kind == 15 },
            17 => Event::Child { scope: other, task },
            18 => Event::TimerSet { timer: other, task, at: self.time },
            19 => Event::TimerFire { timer: other },
            _ => self.other_event(recorder),
        }
    }

    fn other_event(&self, recorder: &Recorder) -> Event {
        let (task, resource, count) = (self.a, self.b, self.count);
        let text = recorder.text(&self.text);
        let name = (count % 2 == 0).then_some(text);
        match self.kind {
            20 => Event::TimerCancel { timer: resource },
            21 => Event::Park { until: self.time },
            22 => Event::Unpark { by: self.by },
            23 | 24 => Event::Resource { resource, kind: text, name },
            25 | 26 => Event::Acquire { task, resource, count },
            27 => Event::Release { task, resource, count },
            28 => {
                let capacity = NonZeroU32::new(count);
                Event::Send { task, resource, length: count, capacity }
            }
            29 => Event::Receive { task, resource, length: count },
            30 => Event::Close { resource, is_gone: count == 0 },
            31 => Event::Block { job: resource, task, name },
            32 => Event::JobDone { job: resource },
            33 => Event::Out { task, text },
            34 => Event::Note { task, text },
            35 => Event::Slow { task, took: self.time },
            36 => Event::Deadlock { cycle: vec![self.on, Awaited::Task(task)].into() },
            37 => {
                let part = (count % 2 == 0).then(|| recorder.place(Location::caller()));
                Event::Answer(Box::new(Ask { task, part, why: text, by: Actor::Outside }))
            }
            38 => Event::Order { tasks: [task, resource, 1, 2].into() },
            _ => Event::End { why: EndReason::Deadlock },
        }
    }

    fn record(&self, recorder: &Recorder) {
        let event = self.event(recorder);
        let place = (self.count != 1).then(Location::caller);
        recorder.record(self.time, place, event);
    }
}

pub(crate) fn recorded(recorder: &Recorder, events: &[Made]) -> Recording {
    events.iter().for_each(|event| event.record(recorder));
    recorder.finish()
}

/// A state as the file has it, which does not depend on the numbers of texts.
fn line(tables: &Tables, state: &State) -> String {
    serde_json::to_string(&StateLine::of(tables, state)).expect("it is plain data")
}

/// Folds the events up to each position.
fn folds(recording: &Recording) -> Vec<State> {
    let mut state = State::default();
    let mut states = vec![state.clone()];
    for entry in recording.entries() {
        state.apply(entry);
        states.push(state.clone());
    }
    states
}

/// Asserts what [`State`] promises, whatever the events are.
fn check(state: &State) {
    let listed: Vec<u64> = state.running.iter().chain(&state.ready).copied().collect();
    let once: BTreeSet<u64> = listed.iter().copied().collect();
    assert_eq!(once.len(), listed.len(), "no task is listed twice");
    for (&id, task) in &state.tasks {
        // A ready child of a scope is in the scope's own queue.
        let is_queued = state.ready.contains(&id);
        assert!(!is_queued || task.phase == TaskPhase::Ready);
        assert!(is_queued || task.phase != TaskPhase::Ready || task.scope.is_some());
        assert_eq!(state.running.contains(&id), task.phase == TaskPhase::Running);
        assert!(task.scope.is_none_or(|scope| state.scopes[&scope].children.contains(&id)));
    }
    assert!(once.iter().all(|task| state.tasks.contains_key(task)));
    let children = state
        .scopes
        .iter()
        .flat_map(|(&id, scope)| scope.children.iter().map(move |child| (id, child)));
    children.for_each(|(id, child)| assert_eq!(state.tasks[child].scope, Some(id)));
}

proptest! {
    // Long recordings, since the first checkpoint is after 256 events.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_seek_equals_a_fold(
        events in prop::collection::vec(made(), 0..1200),
        positions in prop::collection::vec(0..1300_usize, 20),
    ) {
        let recording = recorded(&Recorder::new(), &events);
        let states = folds(&recording);
        let mut replay = Replay::new(recording);
        for position in positions {
            replay.seek(position);
            let position = position.min(events.len());
            assert_eq!(replay.position(), position);
            assert_eq!(replay.state(), &states[position]);
        }
    }

    #[test]
    fn each_step_is_one_line(events in prop::collection::vec(made(), 0..400)) {
        let mut replay = Replay::new(recorded(&Recorder::new(), &events));
        let steps: Vec<String> = replay.steps().map(|step| step.to_string()).collect();
        assert_eq!(steps.len(), events.len());
        replay.seek(events.len() / 2);
        for (index, step) in steps.iter().enumerate() {
            assert!(!step.contains(char::is_control), "{step:?}");
            assert_eq!(&replay.event(index).unwrap().to_string(), step);
        }
        assert!(replay.event(events.len()).is_none());
    }
}

proptest! {
    #[test]
    fn every_state_keeps_its_promises(events in prop::collection::vec(made(), 0..200)) {
        let recording = recorded(&Recorder::new(), &events);
        folds(&recording).iter().for_each(check);
    }

    #[test]
    fn a_file_is_read_as_it_was_written(events in prop::collection::vec(made(), 0..100)) {
        let recording = recorded(&Recorder::new(), &events);
        let file = recording.to_jsonl();
        let read = Recording::parse(&file).unwrap();
        assert_eq!(read.to_jsonl(), file);
        assert_eq!(read.entries().len(), events.len());
        let states = folds(&read).into_iter().map(|state| line(&read.tables, &state));
        let written = folds(&recording).into_iter().map(|state| line(&recording.tables, &state));
        assert!(states.eq(written));
    }

    #[test]
    fn a_ring_goes_on_from_the_state_that_was_lost(
        events in prop::collection::vec(made(), 1..200),
        capacity in 0..50_usize,
    ) {
        let all = recorded(&Recorder::new(), &events);
        let ring = recorded(&Recorder::ring(capacity), &events);
        let lost = events.len().saturating_sub(capacity);
        assert_eq!(ring.dropped(), lost as u64);
        assert_eq!(ring.entries().len(), events.len() - lost + usize::from(lost > 0));

        let states = folds(&all).into_iter().skip(lost).map(|state| line(&all.tables, &state));
        let ring = Recording::parse(ring.to_jsonl()).unwrap();
        let rest = folds(&ring).into_iter().skip(usize::from(lost > 0));
        assert!(states.eq(rest.map(|state| line(&ring.tables, &state))));
    }
}

#[test]
fn the_texts_of_a_ring_are_bounded() {
    let recorder = Recorder::ring(10);
    recorder.spawn(1, "the name stays", Actor::Outside);
    for index in 0..100_000 {
        recorder.out(1, &format!("line {index}"));
    }
    let recording = recorder.finish();
    assert!(recording.tables.text_count() < 2000, "{}", recording.tables.text_count());
    let Event::Snapshot { state } = &recording.entries()[0].event else { panic!("a snapshot") };
    assert_eq!(recording.text(state.tasks[&1].name.unwrap()), "the name stays");
    let Event::Out { text, .. } = recording.entries()[10].event else { panic!("a line") };
    assert_eq!(recording.text(text), "line 99999");
}

#[test]
fn a_snapshot_that_contradicts_itself_is_repaired() {
    let snapshot = r#"{"e":"snapshot","state":{"t":5,"running":[1,1,9],"ready":[1,2,2,3],"tasks":[
        {"task":1,"state":"running","scope":7},{"task":2,"state":"ready","scope":8},
        {"task":3,"state":"waiting"},{"task":4,"state":"ready"},{"task":0,"state":"ready"},
        {"task":5,"state":"sleeping"}],"scopes":[{"scope":7,"task":9}]}}"#;
    let file = format!("{{\"turnwise\":1}}\n{}\n", snapshot.replace('\n', ""));
    let recording = Recording::parse(file).unwrap();
    let states = folds(&recording);
    let state = &states[1];
    check(state);
    assert_eq!((&*state.running, Vec::from(state.ready.clone())), (&[1][..], vec![2]));
    assert_eq!((state.time, state.tasks.len(), state.scopes[&7].children.len()), (5, 5, 1));
}

#[test]
fn a_finished_recorder_records_no_more() {
    let recorder = Recorder::new();
    let clone = recorder.clone();
    clone.out(0, "one");
    assert_eq!(recorder.so_far().entries().len(), 1);
    clone.out(0, "two");
    assert_eq!(recorder.finish().entries().len(), 2);
    clone.out(0, "three");
    assert_eq!(clone.so_far().entries().len() + recorder.finish().entries().len(), 0);
}

#[test]
fn times_never_go_back_and_turn_the_clock_virtual_when_set() {
    let recorder = Recorder::new();
    for milliseconds in [5, 3, 8] {
        recorder.at(Duration::from_millis(milliseconds));
        recorder.note(0, "");
    }
    recorder.at(Duration::MAX);
    recorder.note(0, "");
    let recording = recorder.finish();
    let times: Vec<u64> = recording.entries().iter().map(|entry: &Entry| entry.time).collect();
    assert_eq!(times, [5_000_000, 5_000_000, 8_000_000, u64::MAX]);
}
