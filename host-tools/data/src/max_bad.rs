//! Pictures that cannot be read: which they are, and how many of them may be left out.

use crate::DataError;
use std::{fmt, path::PathBuf, str::FromStr};

/// A picture file that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The file.
    pub path: PathBuf,
    /// What the decoder says.
    pub reason: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: cannot be read as a picture ({})", self.path.display(), self.reason)
    }
}

/// How many pictures may be unreadable: more are an error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MaxBad {
    /// So many.
    Count(usize),
    /// So many of a hundred, rounded down: of a few pictures, none.
    Percent(f64),
}

impl Default for MaxBad {
    /// One of a hundred: a large set that was gathered by a program has some, a small one should have none.
    fn default() -> Self {
        Self::Percent(1.0)
    }
}

impl MaxBad {
    fn of(self, pictures: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => (pictures as f64 * percent / 100.0) as usize,
        }
    }

    /// A line for each of the unreadable pictures and one for all, if they are not too many of `pictures`.
    pub(crate) fn check(
        self,
        bad: &[Unreadable],
        pictures: usize,
    ) -> Result<Vec<String>, DataError> {
        if bad.len() > self.of(pictures) {
            return Err(DataError::TooManyUnreadable {
                listed: listed(bad, pictures),
                count: bad.len(),
            });
        }
        let mut lines: Vec<String> = bad.iter().map(|bad| format!("left out: {bad}")).collect();
        if !bad.is_empty() {
            lines.push(format!("left out {} of {pictures} pictures as unreadable", bad.len()));
        }
        Ok(lines)
    }
}

/// Unreadable pictures that an error names.
const NAMED: usize = 3;

fn listed(bad: &[Unreadable], pictures: usize) -> String {
    let mut parts: Vec<String> = bad.iter().take(NAMED).map(Unreadable::to_string).collect();
    if bad.len() > NAMED {
        parts.push(format!("and {} more of {pictures}", bad.len() - NAMED));
    }
    parts.join("; ")
}

/// `5`, or `2%`.
impl FromStr for MaxBad {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let problem =
            || format!("`{text}` is neither a number of pictures, as 5, nor a share of all, as 2%");
        match text.strip_suffix('%') {
            None => text.parse().map(Self::Count).map_err(|_| problem()),
            Some(percent) => {
                let percent = percent.trim().parse().map_err(|_| problem())?;
                if (0.0..=100.0).contains(&percent) {
                    Ok(Self::Percent(percent))
                } else {
                    Err(problem())
                }
            }
        }
    }
}

impl fmt::Display for MaxBad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MaxBad, Unreadable};

    fn bad(count: usize) -> Vec<Unreadable> {
        let one = |index| Unreadable { path: format!("{index}.png").into(), reason: "cut".into() };
        (0..count).map(one).collect()
    }

    #[test]
    fn a_number_or_a_share_may_be_unreadable() {
        for (allowed, pictures, most) in [
            ("3", 10, 3),
            ("1%", 99, 0),
            ("1%", 250, 2),
            ("0", 9, 0),
            ("12.5%", 8, 1),
            ("100%", 7, 7),
        ] {
            let allowed: MaxBad = allowed.parse().unwrap();
            assert_eq!(allowed.to_string().parse(), Ok(allowed));
            assert_eq!(
                allowed.check(&bad(most), pictures).unwrap().len(),
                most + usize::from(most > 0)
            );
            assert!(allowed.check(&bad(most + 1), pictures).is_err(), "{allowed} of {pictures}");
        }
        for wrong in ["", "many", "-1", "101%", "NaN%", "%", "1.5"] {
            assert!(wrong.parse::<MaxBad>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_first_few_are_named() {
        let message = MaxBad::default().check(&bad(5), 100).unwrap_err().to_string();
        let expected = "0.png: cannot be read as a picture (cut); 1.png: cannot be read as a picture (cut); \
                        2.png: cannot be read as a picture (cut); and 2 more of 100: replace or remove what is \
                        named, or leave it out with --max-bad 5";
        assert_eq!(message, expected);
        let lines = MaxBad::Count(1).check(&bad(1), 9).unwrap();
        assert_eq!(lines[1], "left out 1 of 9 pictures as unreadable");
    }
}
