//! Trainings that go on with pictures labelled by a network.

mod small;
mod stripes;

use small::recipe;
use stripes::dataset;
use thumbnet_data::Pictures;
use thumbnet_train::{Labelling, Network, train};

/// By the network alone.
fn alone(threshold: f64) -> Labelling {
    Labelling { threshold, neighbours: 0 }
}

#[test]
fn confident_pictures_get_the_networks_word_and_the_others_are_left() {
    let data = dataset(240);
    let network = Network::new(&recipe(), &data.classes).expect("it fits");
    let all = network.label(&data.train, &data.test, alone(0.0));
    assert_eq!((all.pictures.len(), all.left), (31, 0));
    assert_eq!(all.counts.iter().sum::<usize>(), 31);
    assert_eq!(all.pictures.pixels(), data.test.pixels());
    let none = network.label(&data.train, &data.test, alone(1.1));
    assert_eq!((none.pictures.len(), none.left, none.counts), (0, 31, vec![0, 0, 0]));

    let folder = tempfile::tempdir().expect("a folder for the test");
    let trained = train(&recipe(), &data, folder.path(), &mut ()).expect("it trains");
    let mut unlabelled = data.test.clone();
    unlabelled.labels.fill(0);
    let labelled = trained.network.label(&data.train, &unlabelled, alone(0.6));
    assert_eq!(labelled.pictures.len() + labelled.left, 31);
    let logits = trained.network.predict(&data.test.pixels());
    let mut expected = Vec::new();
    for row in logits.chunks_exact(3) {
        let sum: f64 = row.iter().map(|&logit| f64::from(logit).exp()).sum();
        for (class, &logit) in row.iter().enumerate() {
            if f64::from(logit).exp() / sum >= 0.6 {
                expected.push(class);
            }
        }
    }
    assert_eq!(labelled.pictures.labels, expected);
    assert!(expected.len() > 10, "{expected:?}");
}

#[test]
fn pictures_that_look_alike_have_a_say() {
    // A network that knows nothing, and pictures that are copies of labelled ones, a little darker.
    let data = dataset(60);
    let network = Network::new(&recipe(), &data.classes).expect("it fits");
    let copies: Vec<u8> = data.train.pixels().iter().map(|&byte| byte - byte / 8).collect();
    let copies = Pictures::new(data.train.shape, copies, vec![0; 60]);
    let right = |neighbours: usize| {
        let how = Labelling { threshold: 0.0, neighbours };
        let labelled = network.label(&data.train, &copies, how);
        let pairs = labelled.pictures.labels.iter().zip(&data.train.labels);
        pairs.filter(|(found, truth)| found == truth).count()
    };
    assert!(right(0) < 40, "{} of 60 by chance", right(0));
    assert!(right(3) >= 57, "{} of 60 by likeness", right(3));
    // One picture alone has nobody to ask.
    let none = Pictures::empty(data.train.shape);
    let how = Labelling { threshold: 0.0, neighbours: 3 };
    let one = network.label(&none, &copies.select(&[0]), how);
    assert_eq!(one.pictures.len(), 1);
}

#[test]
fn what_is_held_out_has_labels_of_its_own_and_stays_the_same() {
    let (mut recipe, data) = (recipe(), dataset(90));
    recipe.training.hold_out = 0.2;
    let network = Network::new(&recipe, &data.classes).expect("it fits");
    let labelled = network.label(&data.train, &dataset(300).train, alone(0.0));
    let (joined, more) = labelled.join(&recipe, &data, "more", alone(0.0));
    assert_eq!(more.train.len(), 390);
    assert_eq!(more.train.labels[..90], data.train.labels);
    assert_eq!(more.train.labels[90..], labelled.pictures.labels);
    let held_out = recipe.held_out(&data).expect("enough");
    assert_eq!(held_out.len(), 18);
    assert_eq!(joined.held_out(&more).expect("enough"), held_out);
    // Whoever has only the data set finds them too.
    assert_eq!(joined.held_out(&data).expect("enough"), held_out);
    let pseudo = joined.pseudo_labels.as_ref().expect("the recipe says so");
    assert_eq!((pseudo.labelled, pseudo.source.as_str()), (90, "more"));
    assert_eq!(pseudo.digest, data.digest().to_string());
    let text = joined.to_toml();
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("model.toml");
    std::fs::write(&path, text).expect("a file for the test");
    assert_eq!(thumbnet_train::Recipe::read(&path).expect("a recipe"), joined);
}
