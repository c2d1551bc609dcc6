//! Random programs: trees of everything that cancelling concerns.

/// Random numbers (xorshift). A seed means the same program on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn from_seed(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..4 {
            random.below(2); // The first numbers of similar seeds are similar.
        }
        random
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

/// What one future does. All times are in microseconds.
#[derive(Clone, Debug)]
pub(crate) enum Program {
    Sleep(u64),
    /// Yields this many times.
    Yield(u64),
    /// Sleeps, and then cancels its own task.
    CancelSelf(u64),
    Sequence(Vec<Program>),
    Group(Vec<Program>),
    Race(Vec<Program>),
    Mask(Box<Program>),
    Timeout(u64, Box<Program>),
    Catch {
        inner: Box<Program>,
        clean_up: Box<Program>,
        resumes: bool,
    },
    Scope {
        children: Vec<Program>,
        body: Box<Program>,
        end: ScopeEnd,
    },
    /// A token is cancelled after this time.
    Token(u64, Box<Program>),
    /// A future that is lent, and kept if it has not ended then.
    Lent(u64, Box<Program>, Lending),
    /// The members of a group, each awaited under a timeout of this time, again and again.
    Heartbeat(u64, Vec<Program>),
    /// Two tasks share a future, and each has a mask of this time beside it. After a time they are
    /// cancelled.
    Shared {
        inner: Box<Program>,
        after: u64,
        beside: u64,
        cancelled: Sharers,
    },
    /// A generator whose values are awaited under a timeout of this time, again and again.
    Generator(u64, Vec<Program>),
}

impl Program {
    /// Returns whether two tasks share a future in it: which of them polls it depends on the order
    /// within an instant.
    pub(crate) fn shares(&self) -> bool {
        match self {
            Program::Shared { .. } => true,
            Program::Sleep(_) | Program::Yield(_) | Program::CancelSelf(_) => false,
            Program::Sequence(all)
            | Program::Group(all)
            | Program::Race(all)
            | Program::Heartbeat(_, all)
            | Program::Generator(_, all) => all.iter().any(Program::shares),
            Program::Mask(inner)
            | Program::Timeout(_, inner)
            | Program::Token(_, inner)
            | Program::Lent(_, inner, _) => inner.shares(),
            Program::Catch { inner, clean_up, .. } => inner.shares() || clean_up.shares(),
            Program::Scope { children, body, .. } => {
                body.shares() || children.iter().any(Program::shares)
            }
        }
    }
}

/// How a scope ends that is not asked to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ScopeEnd {
    /// When all its tasks have returned.
    Returns,
    /// The first child fails.
    ChildFails,
    /// The body cancels it.
    BodyCancels,
}

/// What a future is lent to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Lending {
    /// A `select!`; then it is awaited.
    Select,
    /// A timeout; then it is kept, and not polled.
    Timeout,
    /// A timeout, again and again; then it is awaited.
    Timeouts,
}

/// Which of two tasks that share a future are cancelled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Sharers {
    First,
    Second,
    Both,
}

impl Sharers {
    pub(crate) fn numbers(self) -> &'static [usize] {
        match self {
            Sharers::First => &[0],
            Sharers::Second => &[1],
            Sharers::Both => &[0, 1],
        }
    }
}

/// What happens to the task that runs a program.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ending {
    None,
    Cancel,
    CancelTwice,
    Abort,
    Shutdown,
}

/// A program, and how the task ends that runs it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) program: Program,
    /// Futures are lent and shared. Then few and many are still the same, but not all ways to form
    /// a group.
    pub(crate) lends: bool,
    pub(crate) ending: Ending,
    pub(crate) at: u64,
    /// When it is cancelled a second time, after the first.
    pub(crate) again: u64,
}

impl Case {
    pub(crate) fn from_seed(seed: u64) -> Self {
        let mut random = Random::from_seed(seed);
        let lends = seed.is_multiple_of(2);
        let program = Grower { random: &mut random, lends }.program(2 + seed % 4);
        let ending = match random.below(5) {
            0 => Ending::None,
            1 => Ending::Cancel,
            2 => Ending::CancelTwice,
            3 => Ending::Abort,
            _ => Ending::Shutdown,
        };
        let (at, again) = (random.below(14_000), random.below(6_000));
        Case { program, lends, ending, at, again }
    }
}

struct Grower<'r> {
    random: &'r mut Random,
    lends: bool,
}

impl Grower<'_> {
    fn program(&mut self, depth: u64) -> Program {
        let time = 1 + self.random.below(12_000);
        if depth == 0 {
            return self.leaf(time);
        }
        let below = depth - 1;
        match self.random.below(if self.lends { 18 } else { 14 }) {
            0 => Program::Sleep(time),
            1 => Program::Sequence(self.programs(below)),
            2 | 3 => Program::Group(self.programs(below)),
            4 => Program::Race(self.programs(below)),
            5 => Program::Mask(self.boxed(below)),
            6 | 7 => Program::Timeout(time, self.boxed(below)),
            8..=10 => self.catch(below),
            11 | 12 => self.scope(below),
            13 => Program::Token(time, self.boxed(below)),
            14 => self.lent(time, below),
            15 => Program::Heartbeat(time, self.programs(below)),
            16 => self.shared(time, below),
            _ => Program::Generator(time, self.programs(below)),
        }
    }

    fn leaf(&mut self, time: u64) -> Program {
        match self.random.below(9) {
            0 if self.lends => Program::Yield(1 + self.random.below(3)),
            1 => Program::CancelSelf(time / 2),
            _ => Program::Sleep(time),
        }
    }

    fn boxed(&mut self, depth: u64) -> Box<Program> {
        Box::new(self.program(depth))
    }

    fn programs(&mut self, depth: u64) -> Vec<Program> {
        let number = 1 + self.random.below(3);
        (0..number).map(|_| self.program(depth)).collect()
    }

    fn catch(&mut self, depth: u64) -> Program {
        let (inner, clean_up) = (self.boxed(depth), self.boxed(depth));
        Program::Catch { inner, clean_up, resumes: self.random.below(2) == 1 }
    }

    fn scope(&mut self, depth: u64) -> Program {
        let body = self.boxed(depth);
        let children = self.programs(depth);
        let end = match self.random.below(4) {
            1 => ScopeEnd::ChildFails,
            2 => ScopeEnd::BodyCancels,
            _ => ScopeEnd::Returns,
        };
        Program::Scope { children, body, end }
    }

    fn lent(&mut self, time: u64, depth: u64) -> Program {
        let inner = self.boxed(depth);
        let lending = match self.random.below(3) {
            0 => Lending::Select,
            1 => Lending::Timeout,
            _ => Lending::Timeouts,
        };
        Program::Lent(time, inner, lending)
    }

    fn shared(&mut self, after: u64, depth: u64) -> Program {
        let inner = self.boxed(depth);
        let cancelled = match self.random.below(4) {
            0 => Sharers::First,
            1 => Sharers::Second,
            _ => Sharers::Both,
        };
        let beside = self.random.below(2) * self.random.below(12_000);
        Program::Shared { inner, after, beside, cancelled }
    }
}
