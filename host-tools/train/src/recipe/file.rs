//! Recipes as text: finding, reading and writing `model.toml`.

use super::{BUILT_IN, Recipe};
use crate::error::TrainError;
use std::path::Path;
use thumbnet_data::augment::Augmentation;

/// A recipe larger than this is not one.
const MAX_RECIPE_BYTES: u64 = 1 << 20;

impl Recipe {
    /// The built-in network `name`, or the recipe in the file of that path.
    ///
    /// # Errors
    /// If it is neither, or the file is not a recipe.
    pub fn find(name: &str) -> Result<Self, TrainError> {
        if let Some(recipe) = Self::built_in(name) {
            return Ok(recipe);
        }
        let path = Path::new(name);
        if path.is_file() {
            return Self::read(path);
        }
        Err(TrainError::UnknownModel { name: name.to_owned(), known: BUILT_IN.join(", ") })
    }

    /// The recipe in a file.
    ///
    /// # Errors
    /// If it cannot be read, is not TOML, or has a field that does not exist or does not fit.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let unreadable = |source| TrainError::Read { path: path.to_owned(), source };
        let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
        let problem = |problem| TrainError::Recipe { path: path.to_owned(), problem };
        if bytes > MAX_RECIPE_BYTES {
            return Err(problem(format!("{bytes} bytes are too many for a recipe")));
        }
        let text = std::fs::read(path).map_err(unreadable)?;
        let text = String::from_utf8(text)
            .map_err(|_| problem("not a text file: a recipe is a model.toml".to_owned()))?;
        Self::from_toml(&text).map_err(|error| problem(one_line(&text, &error)))
    }

    /// The fields of a `[training.augment]` table on one line, `shift=0.1,flip=true`.
    ///
    /// # Errors
    /// [`TrainError::Field`] if there is no such field, or it is out of range.
    pub fn augmentation(line: &str) -> Result<Augmentation, TrainError> {
        let field = |problem| TrainError::Field { field: "training.augment", problem };
        let text = line.replace(',', "\n");
        let augmentation: Augmentation =
            toml::from_str(&text).map_err(|error| field(one_line(&text, &error)))?;
        augmentation.check().map_err(|error| field(error.to_string()))?;
        Ok(augmentation)
    }

    /// The recipe's text.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a recipe has only tables, numbers and strings")
    }

    fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

/// `line 7: unknown field …`.
fn one_line(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', " ");
    match error.span() {
        Some(span) => {
            let before = text.get(..span.start).unwrap_or_default();
            format!("line {}: {message}", before.matches('\n').count() + 1)
        }
        None => message,
    }
}
