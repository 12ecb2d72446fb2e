//! Recipes as files: what is written is read back, and what is wrong is told in one line.

use std::path::Path;
use thumbnet_data::{Fit, Preprocessing, Resize, Turn};
use thumbnet_train::{
    BUILT_IN, ClassWeightRule, ClassWeights, Labelling, Network, Optimizer, PseudoLabels, Recipe,
    TrainError,
};

fn read(text: &str) -> Result<Recipe, TrainError> {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("model.toml");
    std::fs::write(&path, text).expect("a file for the test");
    Recipe::read(&path)
}

/// The message without the file's path before it.
fn problem(text: &str) -> String {
    let message = read(text).expect_err("the recipe must be refused").to_string();
    let (path, problem) = message.split_once(": ").expect("path: problem");
    assert!(path.ends_with("model.toml"), "{message}");
    assert!(!problem.contains('\n'), "{message}");
    problem.to_owned()
}

fn labels(count: usize) -> Vec<String> {
    (0..count).map(|label| label.to_string()).collect()
}

#[test]
fn built_in_recipes_survive_their_file() {
    for name in BUILT_IN {
        let recipe = Recipe::find(name).expect("it is built in");
        assert_eq!(read(&recipe.to_toml()).expect("it was written"), recipe);
    }
}

#[test]
fn parameters_of_the_built_in_networks_are_as_documented() {
    let count = |name| {
        let recipe = Recipe::find(name).expect("it is built in");
        Network::new(&recipe, &labels(10)).expect("it fits").parameter_count()
    };
    assert_eq!(count("seed-cnn"), 121_930);
    assert_eq!(count("lenet5"), 61_706);
    assert_eq!(count("ds-cnn"), 21_066);
    assert_eq!(count("mobilenet"), 215_642);
    assert_eq!(count("mobilenet-0.25"), 215_642);
    assert_eq!(count("resnet8"), 78_042);
}

#[test]
fn where_labels_came_from_is_written_and_read_and_nothing_else_may_be_said_there() {
    let mut recipe = Recipe::find("lenet5").expect("it is built in");
    recipe.pseudo_labels = Some(PseudoLabels {
        source: "many".to_owned(),
        how: Labelling { threshold: 0.5, neighbours: 5 },
        labelled: 100,
        digest: "ab".to_owned(),
    });
    let text = recipe.to_toml();
    assert_eq!(read(&text).expect("it was written"), recipe);
    let message = problem(&text.replace("neighbours = 5", "neighbors = 5"));
    assert!(message.contains("unknown field `neighbors`"), "{message}");
}

#[test]
fn a_recipe_by_hand_needs_little() {
    let text = "name = 'tiny'\ninput.shape = [8, 8, 1]\n[[layers]]\ntype = 'flatten'\n[[layers]]\ntype = 'dense'";
    let recipe = read(text).expect("it is whole");
    assert_eq!(recipe.training.epochs, 10);
    assert_eq!(Network::new(&recipe, &labels(3)).expect("it fits").parameter_count(), 64 * 3 + 3);
}

#[test]
fn a_schedule_and_an_optimizer_are_words() {
    let text = "name = 'x'\nlayers = []\n[input]\nshape = [8, 8, 3]\nfit = 'crop'\n[training]\n\
                optimizer = 'sgd'\nschedule = { type = 'step', epochs = 3, factor = 0.5 }";
    let recipe = read(text).expect("it is a recipe");
    let toml = recipe.to_toml();
    assert!(toml.contains("optimizer = \"sgd\"") && toml.contains("type = \"step\""), "{toml}");
    assert_eq!(read(&toml).expect("it was written"), recipe);
}

#[test]
fn class_weights_are_a_word_or_numbers() {
    let with = |line: &str| {
        read(&format!(
            "name = 'x'\nlayers = []\ninput.shape = [8, 8, 1]\n[training]\n{line}\naverage = 0.99"
        ))
    };
    let balanced = with("class_weights = 'balanced'").expect("it is a recipe");
    let rule = ClassWeights::Rule(ClassWeightRule::Balanced);
    assert_eq!(balanced.training.class_weights, Some(rule));
    assert_eq!(read(&balanced.to_toml()).expect("it was written"), balanced);
    let listed = with("class_weights = [1.5, 1]").expect("it is a recipe");
    assert_eq!(listed.training.class_weights, Some(ClassWeights::List(vec![1.5, 1.0])));
    assert_eq!(read(&listed.to_toml()).expect("it was written"), listed);
    let message = with("class_weights = 'even'").expect_err("no such rule").to_string();
    assert!(message.contains("line 5: class_weights are \"balanced\" or a list"), "{message}");
}

#[test]
fn pictures_become_the_input_as_the_recipe_says() {
    let text = "name = 'x'\nlayers = []\n[input]\nshape = [8, 8, 3]\nfit = 'pad'\nresize = 'nearest'\nturn = 270";
    let recipe = read(text).expect("it is a recipe");
    let how =
        Preprocessing { fit: Fit::Pad, resize: Resize::Nearest, invert: false, turn: Turn::Left };
    assert_eq!(recipe.input_spec().how, how);
    let toml = recipe.to_toml();
    assert!(toml.contains("resize = \"nearest\"\nturn = 270"), "{toml}");
    assert_eq!(read(&toml).expect("it was written"), recipe);
    let usual = read("name = 'x'\nlayers = []\ninput.shape = [8, 8, 3]").expect("it is a recipe");
    assert_eq!(usual.input_spec().how, Preprocessing::new(Fit::Stretch, false));
    let toml = usual.to_toml();
    assert!(!toml.contains("resize") && !toml.contains("turn"), "{toml}");
    let input = |line: &str| {
        problem(&format!("name = 'x'\nlayers = []\n[input]\nshape = [8, 8, 3]\n{line}"))
    };
    assert!(input("turn = 45").contains("45 is none of 0, 90, 180 and 270"));
    assert!(input("fit = 'letterbox'").contains("`stretch`, `crop`, `pad`"));
}

#[test]
fn wrong_recipes_are_told_by_line_and_field() {
    assert!(problem("name = 'x'\nwhat = 1\n").contains("line 2: unknown field `what`"));
    assert!(problem("name = ").starts_with("line 1: "));
    assert!(problem("name = 'x'\ninput.shape = [1, 1]\nlayers = []").starts_with("line 2: "));
    let layer = |fields: &str| {
        problem(&format!("name = 'x'\ninput.shape = [8, 8, 1]\n[[layers]]\n{fields}"))
    };
    assert!(layer("type = 'conv3d'").contains("unknown variant `conv3d`"));
    assert!(layer("type = 'conv2d'\nfilters = 3").contains("missing field `kernel`"));
    assert!(layer("type = 'max_pool2d'\nwindow = [2, 2]\nfilters = 3").contains("`filters`"));
    assert!(layer("type = 'dense'\nunits = -1").contains("-1"));
}

#[test]
fn a_network_that_does_not_exist_lists_those_that_do() {
    let message = Recipe::find("resnet").expect_err("there is none").to_string();
    assert!(message.contains("`resnet`") && message.contains("seed-cnn, lenet5"), "{message}");
}

#[test]
fn files_that_are_no_text_or_too_large_or_missing_are_refused() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("model.toml");
    std::fs::write(&path, [0xff, 0xfe, 0]).expect("a file for the test");
    let message = Recipe::read(&path).expect_err("not a text").to_string();
    assert!(message.contains("not a text file"), "{message}");
    std::fs::write(&path, vec![b' '; 2 << 20]).expect("a file for the test");
    let message = Recipe::read(&path).expect_err("too large").to_string();
    assert!(message.contains("too many for a recipe"), "{message}");
    let missing = Recipe::read(Path::new("nowhere/model.toml")).expect_err("missing");
    assert!(missing.to_string().starts_with("cannot read nowhere/model.toml: "), "{missing}");
}

#[test]
fn options_out_of_range_are_told_by_field() {
    let with = |change: fn(&mut Recipe)| {
        let mut recipe = Recipe::find("seed-cnn").expect("it is built in");
        change(&mut recipe);
        Network::new(&recipe, &labels(10)).expect_err("out of range").to_string()
    };
    let batch = with(|recipe| recipe.training.batch = 0);
    assert_eq!(batch, "the recipe's training.batch: 0 is not between 1 and 65536");
    assert!(with(|recipe| recipe.training.epochs = 0).contains("training.epochs"));
    assert!(with(|recipe| recipe.training.learning_rate = f64::NAN).contains("learning_rate: NaN"));
    assert!(with(|recipe| recipe.training.augment.shift = 0.6).contains("augment: shift: 0.6 "));
    assert!(with(|recipe| recipe.training.label_smoothing = 1.0).contains("label_smoothing: 1 "));
    assert!(with(|recipe| recipe.training.weight_decay = -0.1).contains("weight_decay: -0.1"));
    assert!(with(|recipe| recipe.training.clip_norm = Some(0.0)).contains("clip_norm: 0 is not"));
    assert!(with(|recipe| recipe.training.average = Some(1.0)).contains("average: 1 is not"));
    let adamw = with(|recipe| recipe.training.optimizer = Optimizer::AdamW);
    assert!(adamw.contains("weight_decay: 0 with adamw is plain adam"), "{adamw}");
    assert!(with(|recipe| recipe.training.hold_out = 0.6).contains("hold_out: 0.6 is not"));
    let patience = with(|recipe| recipe.training.patience = Some(3));
    assert!(patience.contains("hold_out = 0.1 holds a tenth of the training"), "{patience}");
    assert!(with(|recipe| recipe.training.seed = u64::MAX).contains("training.seed"));
    assert!(with(|recipe| recipe.input.shape = [28, 28, 2]).contains("input.shape: [28, 28, 2]"));
}
