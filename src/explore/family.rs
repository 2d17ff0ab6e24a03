//! The families of schedules.

/// A family of schedules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Nothing is held.
    Calm,
    /// Answers leave one at a time, oldest first.
    Single,
    /// One request is held past the client's time-out.
    HoldOne,
    /// One request is held until another is answered.
    Pair,
    /// All that is in flight is answered at once.
    Burst,
    /// The newest is answered first.
    Reverse,
    /// The first wave is answered together with its last request.
    Barrier,
    /// Every first attempt meets the same fault.
    Wave,
    /// Something goes wrong around one lock.
    Lock,
    /// One request meets one fault.
    Fault,
    /// Any order.
    Random,
    /// Jobs by seeded priorities that change a few times.
    Lanes,
    /// The client's own steps are made to change places.
    Perturb,
}

impl Family {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Single => "single",
            Self::HoldOne => "hold-one",
            Self::Pair => "pair",
            Self::Burst => "burst",
            Self::Reverse => "reverse",
            Self::Barrier => "barrier",
            Self::Wave => "wave",
            Self::Lock => "lock",
            Self::Fault => "fault",
            Self::Random => "random",
            Self::Lanes => "lanes",
            Self::Perturb => "perturb",
        }
    }
}
