//! One embedding model takes the place of another: no pause, no mixture, no lost face.

use std::fs;
use std::path::{Path, PathBuf};

use api::{GalleryView, MessageList};
use tempfile::TempDir;

use super::{another, count, portraits, wait_for};
use crate::database::{Dump, tamper};
use crate::fixture::{Fixture, attempt_at, enrol_with, models, new_order, pay, workspace, yuan};

const EMBEDDER: &str = "face_recognition_sface_2021dec.onnx";
const HASH: &str = "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79";

/// Another model, for the test: the same network with another name inside, fed blue first, so that its templates are
/// of another kind.
struct Next {
    folder: TempDir,
}

impl Next {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(models()).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
        let mut network = fs::read(models().join(EMBEDDER)).unwrap();
        // The field `producer_version` of an ONNX model; the last one counts.
        network.extend_from_slice(b"\x1a\x05other");
        fs::write(folder.path().join("other.onnx"), &network).unwrap();
        let hash = evidence::digest(&network).to_string();
        let manifest = fs::read_to_string(workspace().join("models/manifest.toml")).unwrap();
        let rgb = "pixels = { channels = \"rgb\"";
        assert!(manifest.contains(rgb) && manifest.contains(HASH));
        let manifest = manifest
            .replace(rgb, "pixels = { channels = \"bgr\"")
            .replace(HASH, &hash)
            .replace(&format!("name = \"{EMBEDDER}\""), "name = \"other.onnx\"");
        fs::write(folder.path().join("next.toml"), manifest).unwrap();
        let calibration =
            fs::read_to_string(workspace().join("policy/calibration/sface-lfw-dev-2.json")).unwrap();
        let calibration = calibration.replace(HASH, &hash).replace("sface-lfw-dev-2", "other-1");
        fs::write(folder.path().join("next.json"), calibration).unwrap();
        Self { folder }
    }

    fn models(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn beside(&self) -> Vec<String> {
        [["--next-manifest", "next.toml"], ["--next-calibration", "next.json"]]
            .into_iter()
            .flat_map(|[flag, file]| [flag.to_owned(), self.file(file)])
            .collect()
    }

    fn alone(&self) -> Vec<String> {
        [["--manifest", "next.toml"], ["--calibration", "next.json"]]
            .into_iter()
            .flat_map(|[flag, file]| [flag.to_owned(), self.file(file)])
            .collect()
    }
}

fn gallery(fixture: &Fixture) -> GalleryView {
    fixture.staff.get("/v1/gallery").unwrap()
}

fn lines(dump: &Dump, needle: &str) -> usize {
    dump.table("templates").iter().filter(|row| row.contains(needle)).count()
}

#[test]
fn a_model_takes_the_place_of_another() {
    let next = Next::new();
    let mut fixture = Fixture::new();
    // Somebody from before pictures were kept.
    let (_, old) = another(&fixture, "+8613700010321");
    enrol_with(&old, portraits("P003"), true);
    let kept: PathBuf = fixture.server.data().join("captures");
    let before = gallery(&fixture);
    assert_eq!((before.enrolled, before.successor), (2, None));
    let earlier = format!(
        "DELETE FROM template_parts WHERE payer_id = (SELECT payer_id FROM templates WHERE payer_id <> '{}')",
        fixture.payer_id
    );
    assert_eq!(tamper(&fixture.server, &earlier), 2);

    // The next model before its templates are made: refused, with what to do.
    let error = fixture.restart_with(next.models(), next.alone()).unwrap_err();
    let told = format!("{error:#}");
    assert!(told.contains("--next-manifest"), "{told}");

    fixture.restart_with(next.models(), next.beside()).unwrap();
    let successor = gallery(&fixture).successor.unwrap();
    wait_for("templates of the next model", || {
        gallery(&fixture).jobs.iter().any(|job| {
            job.name.contains(&successor.to_string()) && job.finished_at.is_some() && job.left_out == 1
        })
    });
    let inbox: MessageList = old.moved_to(&fixture.anybody).get("/v1/me/messages").unwrap();
    assert!(inbox.messages.iter().any(|message| message.kind == "face_enrol_again"));
    // Payments go on with the model in use, and whoever enrols now is known to both.
    let paid = pay(&fixture.terminal, &fixture.open);
    let (_, new) = another(&fixture, "+8613700010322");
    enrol_with(&new, portraits("P005"), true);
    let dump = Dump::of(&fixture.server);
    assert_eq!((lines(&dump, &successor.to_string()), dump.table("templates").len()), (2, 5));
    assert_eq!(gallery(&fixture).enrolled, 3, "faces, not templates");
    assert!(kept.is_dir() && !paid.to_string().is_empty());
    fixture.verify();

    fixture.restart_with(next.models(), next.alone()).unwrap();
    let after = gallery(&fixture);
    assert_eq!((after.model, after.calibration.as_str(), after.successor), (successor, "other-1", None));
    let order = api::NewOrder { amount: yuan(3_300), ..new_order(fixture.terminal_id, "afterwards") };
    pay(&fixture.terminal, &attempt_at(&fixture.merchant, &fixture.terminal, &order));
    // Decisions of both models replay, each with its own calibration.
    fixture.verify();

    fixture.server.pause().unwrap();
    let mut retire = std::process::Command::new(env!("CARGO_BIN_EXE_surety"));
    retire.args(["retire-models", "--data"]).arg(fixture.server.data()).arg("--models").arg(next.models());
    if let Some(url) = fixture.server.database() {
        retire.args(["--database", url]);
    }
    let told = retire.args(next.alone()).output().unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    assert!(String::from_utf8_lossy(&told.stdout).starts_with("3 templates"), "{told:?}");
    fixture.restart_with(next.models(), next.alone()).unwrap();
    assert_eq!(count(&fixture.server, "templates"), 2);
    fixture.verify();
}

#[test]
fn a_calibration_belongs_to_one_model() {
    let next = Next::new();
    let mut fixture = Fixture::new();
    let mut wrong = next.beside();
    let shipped = workspace().join("policy/calibration/sface-lfw-dev-2.json").display().to_string();
    *wrong.last_mut().unwrap() = shipped;
    let told = format!("{:#}", fixture.restart_with(next.models(), wrong).unwrap_err());
    assert!(told.contains("next model's calibration") && told.contains("is for embedder"), "{told}");
}
