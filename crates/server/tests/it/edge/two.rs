//! HTTP/2, by hand.

use super::House;
use super::talk::Line;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;
const CONTINUATION: u8 = 9;
/// The error code of RFC 9113 for whoever behaves like an attack.
const ENHANCE_YOUR_CALM: [u8; 4] = [0, 0, 0, 11];
/// GET, http, `/`: entries of the static table of RFC 7541.
const GET_ROOT: &[u8] = &[0x82, 0x86, 0x84];
/// `:status: 404` of that table.
const NOT_FOUND: u8 = 0x8d;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    [&length.to_be_bytes()[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The next frame of a kind.
fn await_frame(line: &mut Line, wanted: u8) -> Vec<u8> {
    loop {
        let head = line.read_exactly(9);
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let payload = line.read_exactly(usize::try_from(length).unwrap());
        if head[3] == wanted {
            return payload;
        }
    }
}

fn begin(house: &House) -> Line {
    let mut line = Line::to(&house.server);
    line.say([PREFACE, &frame(SETTINGS, 0, 0, &[])].concat());
    await_frame(&mut line, SETTINGS);
    line
}

#[test]
fn it_is_spoken() {
    let house = House::new();
    let mut line = begin(&house);
    line.say(frame(HEADERS, 0b101, 1, GET_ROOT));
    assert_eq!(await_frame(&mut line, HEADERS)[0], NOT_FOUND);
}

/// CVE-2023-44487: requests that are reset as soon as they are made.
#[test]
fn whoever_resets_all_the_time_is_sent_away() {
    let house = House::new();
    let mut line = begin(&house);
    let attack: Vec<u8> = (0..2_000_u32)
        .flat_map(|n| {
            [frame(HEADERS, 0b101, 2 * n + 1, GET_ROOT), frame(RESET, 0, 2 * n + 1, &[0, 0, 0, 8])].concat()
        })
        .collect();
    line.say(attack);
    let farewell = await_frame(&mut line, GO_AWAY);
    assert_eq!(farewell[4..8], ENHANCE_YOUR_CALM, "{farewell:?}");
    line.rest();
    house.is_well();
}

/// Header blocks that go on for ever, in frames of their own (CVE-2024-27316).
#[test]
fn a_head_without_an_end_is_cut() {
    let house = House::with(&["--idle-seconds", "3"], &[]);
    let mut line = begin(&house);
    line.say(frame(HEADERS, 0b001, 1, GET_ROOT));
    let junk = [&[0x00, 0x01, b'x', 0x7f, 0x80, 0x7d][..], &[b'a'; 16_127]].concat();
    for _ in 0..200 {
        line.say(frame(CONTINUATION, 0, 1, &junk[..junk.len().min(16_000)]));
    }
    line.rest();
    house.is_well();
}
