use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;

/// `b"a face"`, sealed for `probe of 1` by the released version 1 under the master key of 32 sevens.
const FIRST: &str = "01bca728277011dda450d031f6e89a509e42f0a48fa61122feebe9be5c62530427b006c55371b9d96f6b641caa7ee9a2\
                     2cffa5b1fbf3c48331d4a9513d554529f7ce55c8b37cfead6475c95e234c21f4017f13f0690db6bfe61682782d333807\
                     463afc28e4b037cd44641570c0564c69abede5777bee45";
/// The blind index of the phone number `+1` that version 1 made under the same key.
const FIRST_INDEX: &str = "448049e657edc9e21d2f5713d6c23a82421a962a3df8f66140f6476501d67fe7";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}

fn random() -> StdRng {
    StdRng::seed_from_u64(1)
}

fn ring(masters: &[u8]) -> Keyring {
    let masters: Vec<MasterKey> = masters.iter().map(|byte| MasterKey::new([*byte; 32])).collect();
    Keyring::new(&masters).unwrap()
}

#[test]
fn opens_only_whole_in_place_and_under_its_key() {
    let mut random = random();
    let key = DataKey::draw(&mut random);
    let sealed = key.seal("template of payer 1", b"a face", &mut random);
    assert!(!sealed.windows(6).any(|w| w == b"a face"));
    assert_eq!(&**key.open("template of payer 1", &sealed).unwrap(), b"a face");
    assert_eq!(key.open("template of payer 2", &sealed).unwrap_err(), OpenError::DoesNotOpen);
    let other = DataKey::draw(&mut random);
    assert_eq!(other.open("template of payer 1", &sealed).unwrap_err(), OpenError::DoesNotOpen);
    for at in 0..sealed.len() {
        let mut flipped = sealed.clone();
        flipped[at] ^= 1;
        assert!(key.open("template of payer 1", &flipped).is_err(), "byte {at}");
        assert!(key.open("template of payer 1", &sealed[..at]).is_err(), "cut at {at}");
    }
    assert_ne!(sealed, key.seal("template of payer 1", b"a face", &mut random));
}

#[test]
fn a_wrapped_key_comes_back_whole_in_place_and_under_its_generation() {
    let mut random = random();
    let (old, both, new) = (ring(&[7]), ring(&[8, 7]), ring(&[8]));
    let key = DataKey::draw(&mut random);
    let wrapped = old.wrap(old.newest(), "face of 1", &key, &mut random).unwrap();
    assert!(!wrapped.bytes.windows(32).any(|w| w == key.0));
    assert_eq!(both.unwrapped("face of 1", &wrapped).unwrap().0, key.0);
    assert_eq!(both.unwrapped("face of 2", &wrapped).unwrap_err(), OpenError::DoesNotOpen);
    assert_eq!(new.unwrapped("face of 1", &wrapped).unwrap_err(), OpenError::GenerationUnknown);
    for at in 0..wrapped.bytes.len() {
        let mut flipped = wrapped.clone();
        flipped.bytes[at] ^= 1;
        assert!(old.unwrapped("face of 1", &flipped).is_err(), "byte {at}");
        let cut = WrappedKey { generation: wrapped.generation, bytes: wrapped.bytes[..at].to_vec() };
        assert!(old.unwrapped("face of 1", &cut).is_err(), "cut at {at}");
    }
    let relabelled = WrappedKey { generation: new.newest(), bytes: wrapped.bytes };
    assert_eq!(both.unwrapped("face of 1", &relabelled).unwrap_err(), OpenError::DoesNotOpen);
    assert_eq!(old.wrap(new.newest(), "x", &key, &mut random).unwrap_err(), OpenError::GenerationUnknown);
    assert!(old.knows(old.newest()) && both.knows(old.newest()) && !new.knows(old.newest()));
    assert!(Keyring::new(&[]).is_none());
}

#[test]
fn what_version_1_sealed_opens_under_any_generation_on_the_ring() {
    let first = hex(FIRST);
    assert_eq!(Version::of(&first), Ok(Version::First));
    for keyring in [ring(&[7]), ring(&[9, 8, 7])] {
        assert_eq!(&**keyring.open_first("probe of 1", &first).unwrap(), b"a face");
        assert_eq!(keyring.open_first("probe of 2", &first).unwrap_err(), OpenError::DoesNotOpen);
        for at in 0..first.len() {
            let mut flipped = first.clone();
            flipped[at] ^= 1;
            assert!(keyring.open_first("probe of 1", &flipped).is_err(), "byte {at}");
            assert!(keyring.open_first("probe of 1", &first[..at]).is_err(), "cut at {at}");
        }
    }
    assert_eq!(ring(&[8]).open_first("probe of 1", &first).unwrap_err(), OpenError::DoesNotOpen);
    assert_eq!(
        MasterKey::new([7; 32]).first_index().blind_index("phone", "+1").to_vec(),
        hex(FIRST_INDEX),
        "numbers that were indexed stay found"
    );
}

#[test]
fn versions_do_not_mix() {
    let mut random = random();
    let key = DataKey::draw(&mut random);
    let sealed = key.seal("a", b"b", &mut random);
    assert_eq!(Version::of(&sealed), Ok(Version::Second));
    assert_eq!(ring(&[7]).open_first("a", &sealed).unwrap_err(), OpenError::NotSealed);
    assert_eq!(key.open("probe of 1", &hex(FIRST)).unwrap_err(), OpenError::NotSealed);
    assert_eq!(Version::of(&[3, 4]), Err(OpenError::NotSealed));
    assert_eq!(Version::of(&[]), Err(OpenError::NotSealed));
}

#[test]
fn blind_index_depends_on_kind_value_and_key() {
    let index = MasterKey::new([7; 32]).first_index();
    assert_eq!(index.blind_index("phone", "+1"), index.blind_index("phone", "+1"));
    assert_ne!(index.blind_index("phone", "+1"), index.blind_index("phone", "+2"));
    assert_ne!(index.blind_index("phone", "+1"), index.blind_index("name", "+1"));
    assert_ne!(index.blind_index("phone", "+1"), IndexKey::draw(&mut random()).blind_index("phone", "+1"));
}

#[test]
fn generations_are_named_and_keys_are_not_shown() {
    let master = MasterKey::new([7; 32]);
    let name = master.generation();
    assert_eq!(name.to_string().parse(), Ok(name));
    assert_ne!(name, MasterKey::new([8; 32]).generation());
    for wrong in ["", "0", "0123456789ABCDEF", "0123456789abcde", "0123456789abcdef0", "ééééé678"] {
        assert!(wrong.parse::<Generation>().is_err(), "{wrong}");
    }
    let key = DataKey(*master.bytes());
    let shown = format!("{master:?} {key:?} {:?} {:?}", ring(&[7]), IndexKey::new(DataKey([7; 32])));
    assert!(!shown.contains("0707") && !shown.contains("7, 7"), "{shown}");
}
