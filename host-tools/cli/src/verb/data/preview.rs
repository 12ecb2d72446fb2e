//! `thumbnet data preview`: a contact sheet of pictures before and after augmentation.

use super::load_pictures;
use crate::loading::Loading;
use crate::outcome::Outcome;
use anyhow::{Context, bail};
use clap::Args;
use std::path::PathBuf;
use thumbnet_data::augment::Augmentation;
use thumbnet_data::sheet::contact_sheet;
use thumbnet_train::Recipe;

const EXAMPLES: &str = "\
Examples:
  thumbnet data preview --augment shift=0.1,rotate=10,flip=true
  thumbnet data preview --data pictures/ --model my.toml -o sheet.png    what the recipe says

One picture a row: as it is, then as it might be learned.";

/// Arguments of `data preview`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Preview {
    /// A data set's name, a folder of IDX or CIFAR files or of class folders of pictures, or a CSV list.
    #[arg(long, value_name = "NAME|DIR", default_value = thumbnet_data::EMBEDDED)]
    data: String,
    /// The network that says size and colour, and how pictures are changed: built-in, or a model.toml.
    #[arg(long, value_name = "NAME|FILE", default_value = "seed-cnn")]
    model: String,
    /// How pictures are changed [default: the recipe's].
    #[arg(long, value_name = "FIELD=VALUE,…", value_parser = augmentation)]
    augment: Option<Augmentation>,
    /// Rows: pictures, of all classes in turn.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=200))]
    pictures: u32,
    /// Changes of each.
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=50))]
    variants: u32,
    /// Where the changes come from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    loading: Loading,
    /// The PNG.
    #[arg(short, long, value_name = "FILE", default_value = "preview.png")]
    output: PathBuf,
}

impl Preview {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let recipe = Recipe::find(&self.model)?;
        let augmentation = self.augment.unwrap_or(recipe.training.augment);
        if augmentation.is_none() {
            bail!(
                "nothing is to be changed: say how, e.g. --augment shift=0.1,rotate=10, or give a --model whose \
                 recipe has a [training.augment] table"
            );
        }
        let dataset = load_pictures(&self.data, &recipe, &self.loading)?.dataset;
        let all = &dataset.train;
        let chosen = all.subset_indices(self.pictures as usize);
        let png = contact_sheet(all, &chosen, &augmentation, self.variants as usize, self.seed);
        thumbnet_files::write(&self.output, &png)
            .with_context(|| format!("cannot write {}", self.output.display()))?;
        println!(
            "{} pictures, {} changes of each: {}",
            chosen.len(),
            self.variants,
            self.output.display()
        );
        Ok(Outcome::Good)
    }
}

/// `shift=0.1,flip=true`: the fields of a recipe's `[training.augment]` table.
pub(crate) fn augmentation(text: &str) -> Result<Augmentation, String> {
    Recipe::augmentation(text).map_err(|error| error.to_string())
}
