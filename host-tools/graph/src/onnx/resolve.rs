//! A file that says everything itself: its constants inside it, its input's shape fixed.

use super::error::OnnxError;
use super::external::{constants, inline, is_external};
use super::input_shape::InputShape;
use super::read::decode;
use prost::Message;
use std::borrow::Cow;
use std::path::Path;

/// The ONNX file `bytes` with the constants that it keeps in other files of `folder`, and with the
/// shape that its user gives the input; `file` is its name for messages.
///
/// The bytes are as they were unless there is something to bring in; else the file is written anew
/// and keeps only what this reader knows.
///
/// # Errors
/// If the bytes are no ONNX file, a constant is outside the folder, cannot be read or is very
/// large, or the shape contradicts the file.
pub fn resolve<'b>(
    bytes: &'b [u8],
    file: &str,
    folder: &Path,
    shape: Option<&InputShape>,
) -> Result<Cow<'b, [u8]>, OnnxError> {
    let mut model = decode(bytes, file)?;
    let Some(graph) = &mut model.graph else { return Ok(Cow::Borrowed(bytes)) };
    let has_external = constants(graph).any(|tensor| is_external(tensor));
    if !has_external && shape.is_none() {
        return Ok(Cow::Borrowed(bytes));
    }
    inline(graph, folder, file)?;
    if let Some(shape) = shape {
        shape.apply(graph, file)?;
    }
    Ok(Cow::Owned(model.encode_to_vec()))
}

#[cfg(test)]
mod tests {
    use super::resolve;
    use crate::onnx::proto::{ModelProto, StringStringEntryProto};
    use crate::onnx::{Form, OnnxError, read, write};
    use crate::testing::seed_cnn;
    use prost::Message;
    use std::path::{Path, PathBuf};

    /// A folder of this test's own, removed when dropped.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder =
                std::env::temp_dir().join(format!("thumbnet-{name}-{}", std::process::id()));
            std::fs::create_dir_all(folder.join("model")).unwrap();
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    /// The seed CNN with its largest constant at `location`, and that constant's bytes.
    fn with_external(entries: &[(&str, &str)]) -> (Vec<u8>, Vec<u8>) {
        let mut model = ModelProto::decode(&*write(&seed_cnn(1), Form::QLinear)).unwrap();
        let constants = &mut model.graph.as_mut().unwrap().initializer;
        let largest = constants.iter_mut().max_by_key(|tensor| tensor.raw_data.len()).unwrap();
        let bytes = std::mem::take(&mut largest.raw_data);
        largest.data_location = 1;
        let entry = |(key, value): &(&str, &str)| StringStringEntryProto {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        };
        largest.external_data = entries.iter().map(entry).collect();
        (model.encode_to_vec(), bytes)
    }

    fn reason(file: &[u8], folder: &Path) -> String {
        match resolve(file, "m.onnx", folder, None) {
            Err(OnnxError::ExternalData { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn constants_in_the_models_folder_are_brought_in() {
        let folder = Folder::new("inside");
        let (file, constant) = with_external(&[("location", "weights.bin"), ("offset", "7")]);
        let data = [&[0; 7][..], &constant].concat();
        std::fs::write(folder.0.join("model/weights.bin"), data).unwrap();
        let whole = resolve(&file, "m.onnx", &folder.0.join("model"), None).unwrap();
        assert_eq!(read(&whole, "m.onnx"), Ok(seed_cnn(1)));
        assert!(matches!(read(&file, "m.onnx"), Err(OnnxError::ExternalData { .. })));
    }

    #[test]
    fn nothing_outside_the_folder_is_read() {
        let folder = Folder::new("outside");
        let model = folder.0.join("model");
        std::fs::write(folder.0.join("secret"), [1; 100]).unwrap();
        std::fs::create_dir(model.join("sub")).unwrap();
        let absolute = folder.0.join("secret");
        let absolute = absolute.to_str().unwrap();
        for location in ["../secret", "sub/../../secret", absolute, "", "/etc/passwd"] {
            let (file, _) = with_external(&[("location", location)]);
            assert!(reason(&file, &model).contains("outside"), "{location}");
        }
        for location in ["sub", "nowhere"] {
            let (file, _) = with_external(&[("location", location)]);
            assert!(!reason(&file, &model).contains("outside"), "{location}");
        }
        let (file, _) = with_external(&[]);
        assert!(reason(&file, &model).contains("not named"));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(folder.0.join("secret"), model.join("link")).unwrap();
            let (file, _) = with_external(&[("location", "link")]);
            assert!(reason(&file, &model).contains("outside"));
        }
    }

    #[test]
    fn lengths_are_those_of_the_other_file() {
        let folder = Folder::new("lengths");
        let model = folder.0.join("model");
        std::fs::write(model.join("w"), [0; 10]).unwrap();
        for (key, value) in [
            ("length", "11"),
            ("offset", "11"),
            ("length", "18446744073709551615"),
            ("offset", "18446744073709551615"),
            ("length", "-1"),
        ] {
            let (file, _) = with_external(&[("location", "w"), (key, value)]);
            reason(&file, &model);
        }
    }

    #[test]
    fn an_open_input_gets_the_shape_that_is_given() {
        let expected = seed_cnn(1);
        let mut model = ModelProto::decode(&*write(&expected, Form::Qdq)).unwrap();
        let input = &mut model.graph.as_mut().unwrap().input[0];
        let tensor = input.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap();
        for side in &mut tensor.shape.as_mut().unwrap().dim {
            (side.dim_value, side.dim_param) = (None, Some("n".to_owned()));
        }
        let open = model.encode_to_vec();
        let given = |shape: &str| {
            let shape = shape.parse().unwrap();
            resolve(&open, "m.onnx", Path::new(""), Some(&shape))
        };
        assert!(matches!(read(&open, "m.onnx"), Err(OnnxError::DynamicShape { .. })));
        for shape in ["1x1x28x28", "input=1x1x28x28"] {
            assert_eq!(read(&given(shape).unwrap(), "m.onnx").as_ref(), Ok(&expected), "{shape}");
        }
        for shape in ["other=1x1x28x28", "28x28"] {
            assert!(matches!(given(shape), Err(OnnxError::Interface { .. })), "{shape}");
        }
        assert!(read(&given("1x1x9x9").unwrap(), "m.onnx").is_err());
    }
}
