//! When a price holds: dates, and hours of the week in the vendor's clock.

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::Offset;

/// Days from one to another, both included, in UTC; an open end is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub from: Option<Date>,
    /// The last.
    pub to: Option<Date>,
}

impl Days {
    /// Whether a day is among them.
    #[must_use]
    pub fn hold(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }

    /// Whether a day is among both.
    #[must_use]
    pub fn meet(&self, other: &Self) -> bool {
        let before = |a: Option<Date>, b: Option<Date>| matches!((a, b), (Some(a), Some(b)) if a < b);
        !before(self.to, other.from) && !before(other.to, self.from)
    }

    /// `from 2026-08-17`, `2025-04-14 to 2026-08-16`, `always`.
    #[must_use]
    pub fn text(&self) -> String {
        match (self.from, self.to) {
            (Some(from), Some(to)) => format!("{from} to {to}"),
            (Some(from), None) => format!("from {from}"),
            (None, Some(to)) => format!("to {to}"),
            (None, None) => "always".to_owned(),
        }
    }
}

/// The day of a moment in UTC, given in seconds since 1970; `None` beyond the year 9999.
#[must_use]
pub fn day_of(utc_s: i64) -> Option<Date> {
    Some(Offset::UTC.to_datetime(Timestamp::from_second(utc_s).ok()?).date())
}

/// Hours of the week, by the vendor's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeekHours {
    /// The vendor's clock.
    pub offset: Offset,
    /// On which of its days, Monday first.
    pub weekdays: [bool; 7],
    /// Minutes of its day, from and below; never past midnight.
    pub windows: Vec<(u16, u16)>,
    /// Its days on which nothing of this holds.
    pub except: Vec<Date>,
}

/// Names of weekdays in files, Monday first.
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl WeekHours {
    /// Whether it holds at a moment in UTC. All its conditions must hold at once.
    #[must_use]
    pub fn holds(&self, utc_s: i64) -> bool {
        let Ok(stamp) = Timestamp::from_second(utc_s) else { return false };
        let there = self.offset.to_datetime(stamp);
        let minute = there.hour() as i16 as u16 * 60 + there.minute() as i16 as u16;
        self.weekdays[day(there.date().weekday())]
            && !self.except.contains(&there.date())
            && self.windows.iter().any(|(from, below)| (*from..*below).contains(&minute))
    }

    /// Reads the parts as files have them.
    ///
    /// # Errors
    /// What is wrong, and what to write.
    pub fn read(
        offset: &str,
        weekdays: &[String],
        windows: &[String],
        except: &[String],
    ) -> Result<Self, String> {
        let mut days = [weekdays.is_empty(); 7];
        for name in weekdays {
            let at = WEEKDAYS.iter().position(|day| day == name);
            days[at.ok_or_else(|| format!("\"{name}\" is no weekday: write one of {WEEKDAYS:?}"))?] = true;
        }
        let read = |text: &String| {
            window(text).ok_or_else(|| {
                format!("\"{text}\" is no window: write \"09:00-12:00\", and two for one past midnight")
            })
        };
        let date = |text: &String| text.parse().map_err(|_| format!("\"{text}\" is no date"));
        let windows: Vec<_> = windows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self {
            offset: offset_of(offset)
                .ok_or_else(|| format!("\"{offset}\" is no offset: write \"+08:00\" or \"+00:00\""))?,
            weekdays: days,
            windows: if windows.is_empty() { vec![(0, 1440)] } else { windows },
            except: except.iter().map(date).collect::<Result<_, _>>()?,
        })
    }

    /// The parts as files have them: offset, weekdays, windows, exceptions.
    #[must_use]
    pub fn parts(&self) -> (String, Vec<String>, Vec<String>, Vec<String>) {
        let minutes = self.offset.seconds() / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        let offset = format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60);
        let on = WEEKDAYS.iter().zip(self.weekdays).filter(|(_, on)| *on);
        let clock = |at: u16| format!("{:02}:{:02}", at / 60, at % 60);
        (
            offset,
            on.map(|(name, _)| (*name).to_owned()).collect(),
            self.windows.iter().map(|(from, below)| format!("{}-{}", clock(*from), clock(*below))).collect(),
            self.except.iter().map(Date::to_string).collect(),
        )
    }
}

fn day(weekday: Weekday) -> usize {
    usize::try_from(weekday.to_monday_zero_offset()).unwrap_or(0)
}

fn window(text: &str) -> Option<(u16, u16)> {
    let (from, below) = text.split_once('-')?;
    let (from, below) = (minute(from)?, minute(below)?);
    (from < below).then_some((from, below))
}

/// `09:30`; `24:00` is the end of a day.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 || !text.bytes().all(|b| b.is_ascii_digit() || b == b':') {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let at = hours * 60 + minutes;
    (minutes < 60 && at <= 1440).then_some(at)
}

fn offset_of(text: &str) -> Option<Offset> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    Offset::from_seconds(sign * 60 * i32::from(minute(rest)?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn utc(text: &str) -> i64 {
        text.parse::<Timestamp>().expect(text).as_second()
    }

    #[test]
    fn a_peak_of_thirty_five_hours_is_not_one_of_forty_nine() {
        let week = texts(&["mon", "tue", "wed", "thu", "fri"]);
        let peak = WeekHours::read("+08:00", &week, &texts(&["09:00-12:00", "14:00-18:00"]), &[]);
        let peak = peak.expect("a schedule");
        let monday = utc("2026-11-23T01:00:00Z");
        let hours = (0..7 * 24).filter(|hour| peak.holds(monday + hour * 3600)).count();
        assert_eq!(hours, 35);
        // Friday 23:00 UTC is Saturday at the vendor's.
        assert!(peak.holds(utc("2026-11-27T01:00:00Z")), "Friday, 09:00 there");
        assert!(!peak.holds(utc("2026-11-27T00:59:59Z")), "an edge");
        assert!(!peak.holds(utc("2026-11-27T04:00:00Z")), "the end is outside");
        assert!(!peak.holds(utc("2026-11-28T02:00:00Z")), "Saturday");
    }

    #[test]
    fn the_weekday_is_the_vendors() {
        let late = WeekHours::read("+08:00", &texts(&["sat"]), &texts(&["00:00-08:00"]), &[]).expect("one");
        assert!(late.holds(utc("2026-11-27T17:00:00Z")), "Friday in UTC, Saturday there");
        assert!(!late.holds(utc("2026-11-28T17:00:00Z")), "Saturday in UTC, Sunday there");
    }

    #[test]
    fn an_exception_is_a_day_of_the_vendors_clock() {
        let all = WeekHours::read("+08:00", &[], &[], &texts(&["2026-10-01"])).expect("a schedule");
        assert!(all.holds(utc("2026-09-30T15:59:00Z")));
        assert!(!all.holds(utc("2026-09-30T16:00:00Z")));
    }

    #[test]
    fn refuses_what_it_would_have_to_guess() {
        let read = |offset: &str, days: &[&str], windows: &[&str]| {
            WeekHours::read(offset, &texts(days), &texts(windows), &[])
        };
        assert!(read("CST", &[], &[]).is_err());
        assert!(read("+08:00", &["monday"], &[]).is_err());
        for window in ["22:00-06:00", "9:00-12:00", "09:00", "09:00-25:00", "09:60-10:00"] {
            assert!(read("+00:00", &[], &[window]).is_err(), "{window}");
        }
    }

    #[test]
    fn days_meet_where_a_day_is_in_both() {
        let days = |from: Option<&str>, to: Option<&str>| Days {
            from: from.map(|day| day.parse().expect(day)),
            to: to.map(|day| day.parse().expect(day)),
        };
        let old = days(None, Some("2026-08-16"));
        assert!(!old.meet(&days(Some("2026-08-17"), None)));
        assert!(old.meet(&days(Some("2026-08-16"), None)));
        assert!(days(None, None).meet(&old));
        assert!(old.hold("2026-08-16".parse().expect("a day")));
        assert!(!old.hold("2026-08-17".parse().expect("a day")));
    }
}
