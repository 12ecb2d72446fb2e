//! Every route against a tiny set of our own: a folder, a package, a server that misbehaves.

use super::{
    Event, FASHION_CLASSES, GetOptions, Place, default_folder, get, get_set, is_known,
    known::{KnownFile, KnownSet},
    list, package,
};
use crate::{Fit, InputSpec, Preprocessing, idx::IdxArray, load};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    thread,
};
use tempfile::TempDir;
use thumbnet_kernels::geometry::Shape;

const NO_APT: GetOptions = GetOptions { apt: false };

const NAMES: [&str; 4] = ["train-images", "train-labels", "t10k-images", "t10k-labels"];

fn arrays() -> Vec<IdxArray> {
    let pictures = |count: usize| IdxArray {
        dimensions: vec![count, 2, 2],
        bytes: (0..count as u8 * 4).collect(),
    };
    let labels =
        |labels: &[u8]| IdxArray { dimensions: vec![labels.len()], bytes: labels.to_vec() };
    vec![pictures(4), labels(&[0, 1, 1, 0]), pictures(2), labels(&[1, 0])]
}

/// A set like the known ones; what is made for a test may be leaked by it.
fn set(mirrors: &[String]) -> KnownSet {
    let ranks = [3, 1, 3, 1];
    let mut files = [KnownFile { name: "", bytes: 0, sha256: "" }; 4];
    for (index, array) in arrays().iter().enumerate() {
        files[index] = KnownFile {
            name: format!("{}-idx{}-ubyte", NAMES[index], ranks[index]).leak(),
            bytes: array.to_bytes().len() as u64,
            sha256: array.digest().to_string().leak(),
        };
    }
    KnownSet {
        name: "tiny",
        title: "a set for tests",
        classes: &["zero", "one"],
        pictures: [4, 2],
        licence: "none",
        licence_text: "Do what you like.\n",
        files,
        debian_package: None,
        npm: None,
        mirrors: mirrors.iter().map(|mirror| &*mirror.clone().leak()).collect::<Vec<_>>().leak(),
    }
}

fn write_set(set: &KnownSet, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (file, array) in set.files.iter().zip(arrays()) {
        fs::write(folder.join(format!("{}.gz", file.name)), array.to_gzip()).unwrap();
    }
}

fn check_written(folder: &Path) {
    let input = InputSpec::new(Shape::new(2, 2, 1), Preprocessing::new(Fit::Crop, false));
    let dataset = load(folder.to_str().unwrap(), input).unwrap();
    assert_eq!(dataset.classes, ["zero", "one"]);
    assert_eq!(*dataset.train.pixels(), arrays()[0].bytes);
    assert_eq!(fs::read_to_string(folder.join("LICENSE.txt")).unwrap(), "Do what you like.\n");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 6, "no temporary file is left");
}

/// Answers each request for a path with what `answer` says, then closes the connection.
fn serve(answer: impl Fn(&str) -> Option<Vec<u8>> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let request = lines.next().unwrap().unwrap();
            lines.find(|line| line.as_ref().is_ok_and(String::is_empty));
            let (status, body) = match answer(request.split(' ').nth(1).unwrap()) {
                Some(body) => ("200 OK", body),
                None => ("404 Not Found", Vec::new()),
            };
            let len = body.len();
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n");
            stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        }
    });
    address
}

fn gzipped(path: &str) -> Option<Vec<u8>> {
    let index = NAMES.iter().position(|name| path.starts_with(&format!("/{name}")))?;
    path.ends_with(".gz").then(|| arrays()[index].to_gzip())
}

#[test]
fn a_folder_with_the_right_content_is_copied_and_found_again() {
    let folder = TempDir::new().unwrap();
    let [source, out] = [folder.path().join("source"), folder.path().join("a/b/out")];
    let set = set(&[]);
    write_set(&set, &source);
    let missing = folder.path().join("missing");
    let places = [missing, source.clone()];
    let mut events = Vec::new();
    let mut note = |event: Event<'_>| events.push(format!("{event:?}"));
    let fetched = get_set(&set, &out, &places, &NO_APT, &mut note).unwrap();
    assert_eq!((fetched.route, fetched.was_there), (source.display().to_string(), false));
    assert_eq!(events.len(), 3, "{events:?}");
    assert!(events[1].starts_with("Failed") && events[1].contains("no such folder"));
    check_written(&out);
    assert!(get_set(&set, &out, &[], &NO_APT, &mut |_| ()).unwrap().was_there);
}

#[test]
fn other_content_is_refused_and_nothing_is_written() {
    let folder = TempDir::new().unwrap();
    let [source, out] = [folder.path().join("source"), folder.path().join("out")];
    let set = set(&[]);
    write_set(&set, &source);
    let mut other = arrays()[3].clone();
    other.bytes[0] = 0;
    fs::write(source.join(format!("{}.gz", set.files[3].name)), other.to_gzip()).unwrap();
    let message = get_set(&set, &out, &[source], &NO_APT, &mut |_| ()).unwrap_err().to_string();
    assert!(
        message.contains("t10k-labels-idx1-ubyte: its content is not that of tiny"),
        "{message}"
    );
    assert!(!message.contains('\n') && !out.exists());
}

#[test]
fn a_damaged_copy_in_the_target_folder_is_replaced() {
    let folder = TempDir::new().unwrap();
    let [source, out] = [folder.path().join("source"), folder.path().join("out")];
    let set = set(&[]);
    write_set(&set, &source);
    get_set(&set, &out, std::slice::from_ref(&source), &NO_APT, &mut |_| ()).unwrap();
    fs::write(out.join(set.files[0].name), "damaged").unwrap();
    assert!(!get_set(&set, &out, &[source], &NO_APT, &mut |_| ()).unwrap().was_there);
    check_written(&out);
}

#[test]
fn a_package_is_unpacked_wherever_its_files_lie() {
    let set = set(&[]);
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut add = |path: String, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, bytes).unwrap();
    };
    add("package/index.js".into(), b"");
    for (index, (file, array)) in set.files.iter().zip(arrays()).enumerate() {
        match index % 2 {
            0 => add(format!("package/data/{}", file.name), &array.to_bytes()),
            _ => add(format!("package/{}.gz", file.name), &array.to_gzip()),
        }
    }
    let unpack = |set: &KnownSet, bytes: &[u8]| package::unpack(set, GzDecoder::new(bytes));
    let package = tar.into_inner().unwrap().finish().unwrap();
    assert_eq!(unpack(&set, &package[..]), Ok(arrays()));
    let cut = unpack(&set, &package[..package.len() / 2]);
    assert!(cut.is_err());
    let empty = GzEncoder::new(Vec::new(), Compression::fast());
    let empty = tar::Builder::new(empty).into_inner().unwrap().finish().unwrap();
    let message = unpack(&set, &empty[..]).unwrap_err();
    assert_eq!(message, "the package has no train-images-idx3-ubyte");
}

fn no_client() -> bool {
    let missing = |program| Command::new(program).arg("--version").output().is_err();
    let skipped = missing("curl") && missing("wget");
    if skipped {
        println!("skipped: neither curl nor wget is installed");
    }
    skipped
}

#[test]
fn the_next_mirror_is_tried_when_one_misbehaves() {
    if no_client() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let absent = serve(|_| None);
    let lying = serve(|_| Some(b"<html>Please log in</html>".to_vec()));
    let cut = serve(|path| gzipped(path).map(|bytes| bytes[..bytes.len() / 2].to_vec()));
    let other = serve(|_| gzipped("/t10k-labels.gz"));
    let bomb = serve(|_| {
        let huge = IdxArray { dimensions: vec![1 << 20], bytes: vec![0; 1 << 20] };
        Some(huge.to_gzip())
    });
    let good = serve(gzipped);
    let set = set(&[absent, lying, cut, other, bomb, good.clone()]);
    let mut failures = Vec::new();
    let mut downloaded = 0;
    let fetched = get_set(&set, folder.path(), &[], &NO_APT, &mut |event| match event {
        Event::Failed { reason, .. } => failures.push(reason.to_owned()),
        Event::Downloading { done, total, .. } => downloaded += u64::from(Some(done) == total),
        Event::Trying { .. } => {}
    });
    assert_eq!(fetched.unwrap().route, good);
    check_written(folder.path());
    let expected =
        ["404", "is not IDX", "cut off", "its content is not that of tiny", "needs 1048576 bytes"];
    assert_eq!(failures.len(), expected.len(), "{failures:?}");
    for (failure, expected) in failures.iter().zip(expected) {
        assert!(failure.contains(expected), "{failure}");
    }
    assert!(downloaded >= 4);
}

#[test]
fn when_no_route_works_the_error_says_what_was_tried() {
    let folder = TempDir::new().unwrap();
    // A port that was free a moment ago: nobody listens.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let set = set(&[format!("http://{closed}/")]);
    let out = folder.path().join("out");
    let places = [PathBuf::from("/no/such/place")];
    let message = get_set(&set, &out, &places, &NO_APT, &mut |_| ()).unwrap_err().to_string();
    assert!(message.contains("/no/such/place (no such folder); http://127.0.0.1:"), "{message}");
    assert!(message.contains("put the four IDX files into"), "{message}");
    assert!(!message.contains('\n') && !out.exists());
}

#[test]
fn a_file_in_the_way_is_an_error_that_names_it() {
    let folder = TempDir::new().unwrap();
    let set = set(&[]);
    let [source, out] = [folder.path().join("source"), folder.path().join("out")];
    write_set(&set, &source);
    fs::write(&out, "in the way").unwrap();
    let message = get_set(&set, &out, &[source], &NO_APT, &mut |_| ()).unwrap_err().to_string();
    assert!(message.contains("out: cannot create the folder"), "{message}");
}

#[test]
fn the_list_begins_with_the_embedded_set_and_names_every_other() {
    let listed = list();
    assert_eq!((listed[0].name, &listed[0].place), ("fashion-mnist-subset", &Place::Embedded));
    assert!(listed[1..].iter().all(|set| is_known(set.name)));
    assert_eq!(FASHION_CLASSES.len(), 10);
    let unknown = get("imagenet", Path::new("x"), &mut |_| ()).unwrap_err().to_string();
    assert!(
        unknown.contains("`imagenet` cannot be fetched: fashion-mnist and mnist can"),
        "{unknown}"
    );
    assert!(default_folder("mnist").ends_with("mnist"));
}
