//! Fetching, against folders, archives and a loopback server made on the spot.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread::JoinHandle;

use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::download::{self, download};
use super::fetch::{Fetched, Sources};
use super::manifest::{Archive, Manifest, ModelFile, Package};
use super::pin::{Pin, sha256_of};
use super::registry;
use super::samples;

const BODY: &[u8] = b"these bytes stand for a model";

fn temp() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

fn pin_of(bytes: &[u8]) -> Pin {
    let folder = temp();
    let path = folder.path().join("pinned");
    fs::write(&path, bytes).unwrap();
    Pin { bytes: u64::try_from(bytes.len()).unwrap(), sha256: sha256_of(&path).unwrap() }
}

fn model(pin: Pin) -> ModelFile {
    ModelFile {
        name: "model.onnx".to_owned(),
        role: "detector".to_owned(),
        pin,
        required: true,
        pypi: None,
        upstream: None,
    }
}

fn sources<'a>(mirror: Option<&'a Path>, cache: &Path) -> Sources<'a> {
    Sources::open(mirror, cache).unwrap()
}

fn files_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_right_mirror_is_copied_once() {
    let (mirror, var) = (temp(), temp());
    fs::write(mirror.path().join("model.onnx"), BODY).unwrap();
    let mut sources = sources(Some(mirror.path()), var.path());
    let file = model(pin_of(BODY));

    let first = sources.fetch(&file, var.path()).unwrap().expect("the mirror has it");
    assert_eq!(first, Fetched::From("mirror folder".to_owned()));
    assert_eq!(fs::read(var.path().join("model.onnx")).unwrap(), BODY);
    assert_eq!(files_in(var.path()), ["model.onnx"]);

    fs::remove_file(mirror.path().join("model.onnx")).unwrap();
    assert_eq!(sources.fetch(&file, var.path()).unwrap().expect("it is here"), Fetched::AlreadyHere);
}

#[test]
fn a_file_damaged_on_disk_is_fetched_again() {
    let (mirror, var) = (temp(), temp());
    fs::write(mirror.path().join("model.onnx"), BODY).unwrap();
    fs::write(var.path().join("model.onnx"), b"THESE bytes stand for a model").unwrap();
    let fetched = sources(Some(mirror.path()), var.path()).fetch(&model(pin_of(BODY)), var.path()).unwrap();
    assert_eq!(fetched.expect("the mirror has it"), Fetched::From("mirror folder".to_owned()));
    assert_eq!(fs::read(var.path().join("model.onnx")).unwrap(), BODY);
}

#[test]
fn a_damaged_file_that_cannot_be_had_does_not_stay() {
    let var = temp();
    fs::write(var.path().join("model.onnx"), b"damaged").unwrap();
    sources(None, var.path())
        .fetch(&model(pin_of(BODY)), var.path())
        .unwrap()
        .expect_err("there is no source");
    assert!(files_in(var.path()).is_empty());
}

#[test]
fn wrong_bytes_are_refused_with_both_hashes_and_the_next_source_is_asked() {
    let (mirror, var) = (temp(), temp());
    let wrong = b"these bytes stand for a muddle";
    fs::write(mirror.path().join("model.onnx"), wrong).unwrap();
    let server = Server::start(vec![Reply::Whole(BODY)]);
    let mut file = model(pin_of(BODY));
    file.upstream = Some(server.address.clone());

    let fetched = sources(Some(mirror.path()), var.path()).fetch(&file, var.path()).unwrap();
    assert_eq!(fetched.expect("upstream has it"), Fetched::From(server.address.clone()));
    assert_eq!(fs::read(var.path().join("model.onnx")).unwrap(), BODY);
    server.requests();

    fs::remove_file(var.path().join("model.onnx")).unwrap();
    file.upstream = None;
    let tried = sources(Some(mirror.path()), var.path()).fetch(&file, var.path()).unwrap();
    let said = tried.expect_err("no source has it").remove(0).said;
    assert!(said.contains("model.onnx: the bytes differ"), "{said}");
    assert!(said.contains(&file.pin.sha256) && said.contains(&pin_of(wrong).sha256), "{said}");
    assert!(files_in(var.path()).is_empty(), "nothing wrong stays behind");
}

#[test]
fn a_missing_required_file_is_told_with_what_each_source_said() {
    let var = temp();
    let file = model(pin_of(BODY));
    let tried = sources(None, var.path()).fetch(&file, var.path()).unwrap().expect_err("there is no source");
    let message = super::all_sources_failed(&file, &tried);
    assert!(message.starts_with("model.onnx could not be had"), "{message}");
    assert!(message.contains("mirror folder: none is named by SURETY_MODEL_MIRROR"), "{message}");
    assert!(message.contains("cargo xtask models") && message.contains(&file.pin.sha256), "{message}");
}

#[test]
fn a_download_goes_on_where_it_stopped() {
    let var = temp();
    let dest = var.path().join("model.onnx");
    fs::write(var.path().join("model.onnx.part"), &BODY[..10]).unwrap();
    let server = Server::start(vec![Reply::Rest(BODY, 10)]);
    download(&download::agent(), &server.address, &pin_of(BODY), &dest).unwrap();
    assert_eq!(fs::read(&dest).unwrap(), BODY);
    assert_eq!(files_in(var.path()), ["model.onnx"]);
    assert_eq!(server.requests(), ["bytes=10-"]);
}

#[test]
fn a_lost_connection_is_taken_up_again() {
    let var = temp();
    let dest = var.path().join("model.onnx");
    let server = Server::start(vec![Reply::CutAfter(BODY, 7), Reply::Rest(BODY, 7)]);
    download(&download::agent(), &server.address, &pin_of(BODY), &dest).unwrap();
    assert_eq!(fs::read(&dest).unwrap(), BODY);
    assert_eq!(server.requests(), ["", "bytes=7-"]);
}

#[test]
fn a_server_without_ranges_sends_everything_again() {
    let var = temp();
    let dest = var.path().join("model.onnx");
    fs::write(var.path().join("model.onnx.part"), &BODY[..10]).unwrap();
    let server = Server::start(vec![Reply::Whole(BODY)]);
    download(&download::agent(), &server.address, &pin_of(BODY), &dest).unwrap();
    assert_eq!(fs::read(&dest).unwrap(), BODY);
    assert_eq!(server.requests(), ["bytes=10-"]);
}

#[test]
fn a_wrong_part_is_thrown_away_and_begun_anew() {
    let var = temp();
    let dest = var.path().join("model.onnx");
    fs::write(var.path().join("model.onnx.part"), b"not from it").unwrap();
    let server = Server::start(vec![Reply::Rest(BODY, 11), Reply::Whole(BODY)]);
    download(&download::agent(), &server.address, &pin_of(BODY), &dest).unwrap();
    assert_eq!(fs::read(&dest).unwrap(), BODY);
    assert_eq!(server.requests(), ["bytes=11-", ""]);
}

#[test]
fn a_whole_part_needs_no_server() {
    let var = temp();
    let dest = var.path().join("model.onnx");
    fs::write(var.path().join("model.onnx.part"), BODY).unwrap();
    let nowhere = "http://127.0.0.1:9/nothing-listens-here";
    download(&download::agent(), nowhere, &pin_of(BODY), &dest).unwrap();
    assert_eq!(fs::read(&dest).unwrap(), BODY);
}

#[test]
fn a_wrong_download_is_refused_and_leaves_nothing() {
    let var = temp();
    let dest = var.path().join("model.onnx");
    let server = Server::start(vec![Reply::Whole(b"these bytes stand for a MODEL")]);
    let error = download(&download::agent(), &server.address, &pin_of(BODY), &dest).expect_err("wrong bytes");
    assert!(format!("{error:#}").contains("the bytes differ: expected 29 bytes"), "{error:#}");
    assert!(files_in(var.path()).is_empty());
}

#[test]
fn a_refusal_keeps_the_part_for_another_day() {
    let var = temp();
    let dest = var.path().join("model.onnx");
    fs::write(var.path().join("model.onnx.part"), &BODY[..10]).unwrap();
    let server = Server::start(vec![Reply::Unavailable]);
    let error = download(&download::agent(), &server.address, &pin_of(BODY), &dest).expect_err("refused");
    assert!(format!("{error:#}").contains("the server answered 503"), "{error:#}");
    assert_eq!(files_in(var.path()), ["model.onnx.part"]);
}

#[test]
fn one_named_file_comes_out_of_a_wheel() {
    let folder = temp();
    let wheel = folder.path().join("some_models-1.0-py3-none-any.whl");
    write_zip(&wheel, &[("pkg/strangers/face.jpg", b"not ours"), ("pkg/models/model.onnx", BODY)]);
    let package: Package =
        toml::from_str("package = 'some-models'\nversion = '1.0'\nkind = 'wheel'").expect("it parses");
    assert_eq!(registry::find_wheels(folder.path(), &package).unwrap(), [wheel.as_path()]);

    let out = temp();
    let mut archive = registry::open_wheel(&wheel).unwrap();
    let entry = registry::entry(&mut archive, "pkg/models/model.onnx").unwrap();
    pin_of(BODY).copy(entry, &out.path().join("model.onnx")).unwrap();
    assert_eq!(files_in(out.path()), ["model.onnx"]);
    assert!(registry::entry(&mut archive, "pkg/models/other.onnx").is_err());
}

#[test]
fn entries_that_climb_out_of_the_archive_do_nothing() {
    let folder = temp();
    let inner = folder.path().join("a").join("b");
    fs::create_dir_all(&inner).unwrap();
    let wheel = inner.join("people.whl");
    write_zip(
        &wheel,
        &[
            ("../escaped.jpg", b"bad"),
            ("../../escaped.jpg", b"bad"),
            ("people/P001/assets/../../../../escaped.jpg", b"bad"),
            ("people/P001/assets/selfie.jpg", b"a picture"),
        ],
    );
    let samples = inner.join("samples");
    samples::unpack(&archive_of(b"a picture"), &wheel, &samples).unwrap();
    assert_eq!(fs::read(samples.join("P001").join("selfie.jpg")).unwrap(), b"a picture");
    assert_eq!(files_in(&inner), ["people.whl", "samples"]);
    assert_eq!(files_in(&samples.join("P001")), ["selfie.jpg"]);
    assert_eq!(files_in(folder.path()), ["a"]);
    assert_eq!(files_in(&folder.path().join("a")), ["b"]);
}

#[test]
fn pictures_that_differ_are_refused_before_they_are_put_in_place() {
    let folder = temp();
    let wheel = folder.path().join("people.whl");
    write_zip(&wheel, &[("people/P001/assets/selfie.jpg", b"another picture")]);
    let samples = folder.path().join("samples");
    let error = samples::unpack(&archive_of(b"a picture"), &wheel, &samples).expect_err("it differs");
    assert!(format!("{error:#}").contains("the pictures differ"), "{error:#}");
    assert!(!samples.exists());
}

#[test]
fn a_manifest_cannot_name_a_path_or_a_careless_address() {
    let good = "[[file]]\nname = 'a.onnx'\nrole = 'detector'\nbytes = 1\nrequired = true\n\
                upstream = 'https://example.org/a.onnx'\n\
                sha256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'\n";
    Manifest::parse(good).expect("nothing is wrong with it");
    for (from, to, complaint) in [
        ("a.onnx'\nrole", "../a.onnx'\nrole", "not a plain name"),
        ("a.onnx'\nrole", "-a.onnx'\nrole", "not a plain name"),
        ("https:", "http:", "must be an https address"),
        ("ba7816", "BA7816", "64 lower-case hex digits"),
        ("bytes = 1", "bytes = 0", "more than 0"),
    ] {
        let error = Manifest::parse(&good.replacen(from, to, 1)).expect_err(complaint);
        assert!(format!("{error:#}").contains(complaint), "{error:#}");
    }
    let twice = Manifest::parse(&good.repeat(2)).expect_err("the name is taken");
    assert!(format!("{twice:#}").contains("two entries are named"), "{twice:#}");
}

#[test]
fn the_manifest_of_this_repository_is_sound() {
    let path = crate::workspace_root().unwrap().join(super::MANIFEST);
    let manifest = Manifest::parse(&fs::read_to_string(path).unwrap()).unwrap();
    let required: Vec<&str> =
        manifest.files.iter().filter(|file| file.required).map(|file| file.role.as_str()).collect();
    assert_eq!(required, ["detector", "embedder"]);
    assert_eq!(manifest.archives.len(), 1);
}

fn archive_of(picture: &[u8]) -> Archive {
    let list = format!("{}  P001/selfie.jpg\n", pin_of(picture).sha256);
    let text = format!(
        "package = 'people'\nversion = '1.0'\nkind = 'wheel'\nbytes = 1\nsha256 = '{}'\nprefix = 'people/'\n\
         people = ['P001']\npictures = ['selfie']\npictures_sha256 = '{}'",
        "0".repeat(64),
        pin_of(list.as_bytes()).sha256,
    );
    toml::from_str(&text).expect("it parses")
}

fn write_zip(path: &Path, entries: &[(&str, &[u8])]) {
    let mut zip = ZipWriter::new(File::create(path).unwrap());
    for (name, bytes) in entries {
        let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        zip.start_file(*name, stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

/// What the server does with one connection.
enum Reply {
    Whole(&'static [u8]),
    /// The bytes from there on, as asked.
    Rest(&'static [u8], usize),
    /// Promises everything and hangs up after so many bytes.
    CutAfter(&'static [u8], usize),
    Unavailable,
}

/// A loopback server that gives one reply a connection, in order, and remembers the ranges it was asked for.
struct Server {
    address: String,
    thread: JoinHandle<Vec<String>>,
}

impl Server {
    fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
        let address = format!("http://{}/model.onnx", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            replies.into_iter().map(|reply| answer(&listener.accept().unwrap().0, &reply)).collect()
        });
        Self { address, thread }
    }

    /// The `Range` of each request, empty where there was none.
    fn requests(self) -> Vec<String> {
        self.thread.join().expect("the server ends well")
    }
}

fn answer(mut stream: &TcpStream, reply: &Reply) -> String {
    let lines = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let range = lines
        .filter_map(|line| line.to_ascii_lowercase().strip_prefix("range: ").map(str::to_owned))
        .last()
        .unwrap_or_default();
    let (head, body) = match *reply {
        Reply::Whole(bytes) => (format!("200 OK\r\nContent-Length: {}", bytes.len()), bytes),
        Reply::CutAfter(bytes, at) => (format!("200 OK\r\nContent-Length: {}", bytes.len()), &bytes[..at]),
        Reply::Rest(bytes, from) => {
            let (total, last) = (bytes.len(), bytes.len() - 1);
            let range = format!("Content-Range: bytes {from}-{last}/{total}");
            (format!("206 Partial Content\r\nContent-Length: {}\r\n{range}", total - from), &bytes[from..])
        }
        Reply::Unavailable => ("503 Service Unavailable\r\nContent-Length: 0".to_owned(), &[][..]),
    };
    write!(stream, "HTTP/1.1 {head}\r\nConnection: close\r\n\r\n").unwrap();
    stream.write_all(body).unwrap();
    range
}
