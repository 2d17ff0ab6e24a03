//! A set of rate cards, and how one is found: by exact name and day, or not at all.

use super::{Card, file};
use jiff::civil::Date;
use std::collections::BTreeMap;

/// Rate cards, of which no two of the same name hold on the same day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Book {
    cards: Vec<Card>,
    /// Positions by `provider/name`, aliases too.
    names: BTreeMap<String, Vec<usize>>,
}

/// Why cards are no book.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// The file is wrong.
    #[error("{file}: {what}")]
    File {
        /// Which.
        file: String,
        /// What is wrong with it, and what to write.
        what: String,
    },
    /// Two cards for one day.
    #[error("{name} has two prices for one day ({first} and {second}): end one before the other begins")]
    Twice {
        /// Whose.
        name: String,
        /// Days of the one.
        first: String,
        /// Days of the other.
        second: String,
    },
}

/// Why there is no card.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// No such name.
    #[error("there is no price for \"{model}\"{}: import one, or write a card; nothing is guessed",
        near.as_ref().map_or_else(String::new, |near| format!(" (is it \"{near}\"?)")))]
    Unknown {
        /// What was asked for.
        model: String,
        /// The nearest name.
        near: Option<String>,
    },
    /// Sold by several.
    #[error("\"{model}\" is sold by {}: write PROVIDER/{model}", providers.join(", "))]
    Ambiguous {
        /// What was asked for.
        model: String,
        /// By whom.
        providers: Vec<String>,
    },
    /// A price, but of other days.
    #[error("\"{model}\" has no price on {day}, only {}", days.join(", "))]
    NotThen {
        /// What was asked for.
        model: String,
        /// When.
        day: Date,
        /// When there is one.
        days: Vec<String>,
    },
}

impl Book {
    /// A book of these cards.
    ///
    /// # Errors
    /// If two cards of one name hold on the same day.
    pub fn new(cards: Vec<Card>) -> Result<Self, BookError> {
        let mut names: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, card) in cards.iter().enumerate() {
            for name in std::iter::once(&card.model).chain(&card.aliases) {
                let full = format!("{}/{name}", card.provider);
                let others = names.entry(full.clone()).or_default();
                if let Some(other) = others.iter().find(|other| cards[**other].days.meet(&card.days)) {
                    let (first, second) = (cards[*other].days.text(), card.days.text());
                    return Err(BookError::Twice { name: full, first, second });
                }
                others.push(at);
            }
        }
        Ok(Self { cards, names })
    }

    /// Reads a TOML file of cards; `file` names it in errors.
    ///
    /// # Errors
    /// If it is not TOML, a card is wrong, or two hold on the same day.
    pub fn read(file: &str, text: &str) -> Result<Self, BookError> {
        let wrong = |what| BookError::File { file: file.to_owned(), what };
        Self::new(file::read(text).map_err(wrong)?)
    }

    /// The text of a TOML file of these cards.
    ///
    /// # Errors
    /// If a card cannot be written; none made by this build is such.
    pub fn write(&self, set: &str) -> Result<String, toml::ser::Error> {
        file::write(set, &self.cards.iter().collect::<Vec<_>>())
    }

    /// All cards, in the order of their files.
    #[must_use]
    pub fn cards(&self) -> &[Card] {
        &self.cards
    }

    /// The newest day on which one of its prices was checked; `None` if it is empty.
    #[must_use]
    pub fn newest(&self) -> Option<Date> {
        self.cards.iter().map(|card| card.checked_on).max()
    }

    /// The card of a model on a day. `model` is `PROVIDER/MODEL`, or the model alone where one provider sells
    /// it.
    ///
    /// # Errors
    /// If there is none, or more than one.
    pub fn find(&self, model: &str, day: Date) -> Result<&Card, LookupError> {
        let at = match self.names.get(model) {
            Some(at) => at,
            None => self.alone(model)?,
        };
        let cards = || at.iter().map(|at| &self.cards[*at]);
        cards().find(|card| card.days.hold(day)).ok_or_else(|| LookupError::NotThen {
            model: model.to_owned(),
            day,
            days: cards().map(|card| card.days.text()).collect(),
        })
    }

    /// The card of a model on a day; without one, on the newest day on which any of its prices was checked.
    /// Announced prices are not yet prices, unless there is no other.
    ///
    /// # Errors
    /// If there is none, or more than one.
    pub fn on(&self, model: &str, day: Option<Date>) -> Result<&Card, LookupError> {
        let known = day.or_else(|| self.newest().filter(|day| self.find(model, *day).is_ok()));
        let Some(day) = known else {
            let at = self.names.get(model).map_or_else(|| self.alone(model), Ok)?;
            let cards = at.iter().map(|at| &self.cards[*at]);
            let newest = cards.max_by_key(|card| (card.days.hold(card.checked_on), card.days.from));
            return newest.ok_or_else(|| LookupError::Unknown { model: model.to_owned(), near: None });
        };
        self.find(model, day)
    }

    /// Whether a card of some day has that name.
    #[must_use]
    pub fn knows(&self, model: &str) -> bool {
        !matches!(self.on(model, None), Err(LookupError::Unknown { .. }))
    }

    /// By the model's name alone.
    fn alone(&self, model: &str) -> Result<&Vec<usize>, LookupError> {
        let named = |full: &str| full.split_once('/').is_some_and(|(_, name)| name == model);
        let found: Vec<_> = self.names.iter().filter(|(full, _)| named(full)).collect();
        match found.as_slice() {
            [] => Err(LookupError::Unknown { model: model.to_owned(), near: self.nearest(model) }),
            [(_, at)] => Ok(at),
            several => Err(LookupError::Ambiguous {
                model: model.to_owned(),
                providers: several.iter().map(|(_, at)| self.cards[at[0]].provider.clone()).collect(),
            }),
        }
    }

    fn nearest(&self, model: &str) -> Option<String> {
        let far = |full: &String| {
            let alone = full.split_once('/').map_or(full.as_str(), |(_, name)| name);
            let near = strsim::jaro_winkler(model, alone).max(strsim::jaro_winkler(model, full));
            (near > 0.85).then(|| (near, full.clone()))
        };
        let best = self.names.keys().filter_map(far).max_by(|a, b| a.0.total_cmp(&b.0));
        best.map(|(_, full)| full)
    }
}
