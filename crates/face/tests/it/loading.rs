//! What is loaded is what the manifest says, or it is not loaded.

use face::{FaceModels, LoadError};

use crate::{MODELS, installed, sample};

const DETECTOR: &str = "face_detection_yunet_2023mar.onnx";
const EMBEDDER: &str = "face_recognition_sface_2021dec.onnx";

fn folder_with(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        std::fs::copy(installed("models").join(file), folder.path().join(file)).unwrap();
    }
    folder
}

#[test]
fn says_what_it_is() {
    assert_eq!(MODELS.dimension(), 128);
    assert!(MODELS.liveness_available());
    assert!(MODELS.model_id().to_string().starts_with("0ba9fbfa"));
}

#[test]
fn without_the_liveness_pair_there_is_no_liveness_and_no_pretending() {
    // Half of the pair is as good as none.
    let folder = folder_with(&[DETECTOR, EMBEDDER, "MiniFASNetV2.onnx"]);
    let models = FaceModels::load(folder.path()).unwrap();
    assert!(!models.liveness_available());
    let evidence = models.analyse(&sample("P003/studio_posture.jpg")).unwrap();
    assert_eq!(evidence.frame.liveness, None);
}

#[test]
fn a_missing_file_is_named_with_what_to_do() {
    let folder = folder_with(&[DETECTOR]);
    let error = FaceModels::load(folder.path()).unwrap_err();
    assert!(matches!(error, LoadError::Missing { .. }));
    let text = error.to_string();
    assert!(text.contains(EMBEDDER) && text.contains("cargo xtask models"), "{text}");
}

#[test]
fn an_altered_file_is_not_loaded_even_an_optional_one() {
    for file in [DETECTOR, "MiniFASNetV1SE.onnx"] {
        let folder = folder_with(&[DETECTOR, EMBEDDER, "MiniFASNetV2.onnx", "MiniFASNetV1SE.onnx"]);
        let path = folder.path().join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let error = FaceModels::load(folder.path()).unwrap_err();
        assert!(matches!(error, LoadError::Altered { .. }), "{error}");
        assert!(error.to_string().contains(file));
    }
}
