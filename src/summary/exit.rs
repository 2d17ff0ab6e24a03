//! Exit codes: stable and documented, one enum.

/// Why a process ends as it does. The number is the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Everything held.
    Pass = 0,
    /// A fault of deadheat itself, or of the disk under it.
    Internal = 1,
    /// A usage or scenario error.
    Usage = 2,
    /// A regression against a baseline.
    Regression = 3,
    /// Nothing was measured.
    NothingMeasured = 4,
    /// A threshold was missed.
    Threshold = 5,
    /// An invariant is broken.
    Invariant = 6,
    /// The load was invalid: the generator, not the provider, was slow.
    LoadInvalid = 7,
    /// Inconclusive, where a conclusion was required.
    Inconclusive = 8,
    /// The target could not be reached, or set-up failed.
    Unreachable = 9,
    /// The budget was reached.
    OverBudget = 10,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// Among several reasons the first in this order decides.
    const PRECEDENCE: [Self; 12] = [
        Self::Usage,
        Self::Unreachable,
        Self::Interrupted,
        Self::Invariant,
        Self::Internal,
        Self::LoadInvalid,
        Self::OverBudget,
        Self::Threshold,
        Self::Regression,
        Self::NothingMeasured,
        Self::Inconclusive,
        Self::Pass,
    ];

    /// The exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The reason with this exit code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::PRECEDENCE.into_iter().find(|exit| exit.code() == code)
    }

    /// Position in the order of importance, 0 first.
    pub(crate) fn rank(self) -> usize {
        Self::PRECEDENCE.iter().position(|exit| *exit == self).unwrap_or(Self::PRECEDENCE.len())
    }

    /// The most important of several reasons; [`Exit::Pass`] if there is none.
    #[must_use]
    pub fn most_important(reasons: &[Self]) -> Self {
        Self::PRECEDENCE.into_iter().find(|exit| reasons.contains(exit)).unwrap_or(Self::Pass)
    }
}
