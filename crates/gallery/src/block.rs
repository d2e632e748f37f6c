//! A block: as many rows as their codes fill a huge page, the numbers beside them, and who they are.

use std::io;

use types::{LastFour, PayerId};
use zeroize::Zeroize;

use crate::Status;
use crate::code::{Grid, NOTHING};
use crate::kernel::{self, Isa, LINE, TILE};
use crate::memory::{HUGE_PAGE, Memory, Pages};

/// How long a row is, and how many make a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) dimension: usize,
    /// Bytes of a code: the dimension, up to whole cache lines.
    pub(crate) stride: usize,
    /// Rows of a block, a power of two.
    pub(crate) rows: usize,
    pub(crate) pages: Pages,
}

impl Shape {
    pub(crate) fn new(dimension: usize, pages: Pages) -> Self {
        let stride = dimension.next_multiple_of(LINE);
        let fit = (HUGE_PAGE / stride).max(TILE);
        Self { dimension, stride, rows: (fit + 1).next_power_of_two() / 2, pages }
    }

    fn width(&self) -> usize {
        self.dimension * size_of::<f32>()
    }
}

/// What a search asks of a row: group and state, in 16 bits, so that a scan reads few bytes besides the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag(u16);

/// What a [`Tag`] says of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody is there.
    Empty,
    /// Somebody whose code is as near as those of most.
    Ordinary(Status),
    /// Somebody whose code lost more: see [`Block::aside`].
    Aside,
}

impl Tag {
    const GROUP_BITS: u32 = 14;
    pub(crate) const EMPTY: Self = Self(0);

    fn new(group: u32, state: State) -> Self {
        let state = match state {
            State::Empty => 0,
            State::Ordinary(Status::Live) => 1,
            State::Ordinary(Status::Paused) => 2,
            State::Aside => 3,
        };
        let group = u16::try_from(group).expect("GROUPS_MAX fits 14 bits");
        Self(state << Self::GROUP_BITS | group)
    }

    #[inline(always)]
    pub(crate) fn group(self) -> u32 {
        u32::from(self.0) & ((1 << Self::GROUP_BITS) - 1)
    }

    /// Whether the state is one of `wanted`, a bit for each as [`Tag::bits`] makes them.
    #[inline]
    pub(crate) fn is_among(self, wanted: u8) -> bool {
        wanted >> (self.0 >> Self::GROUP_BITS) & 1 == 1
    }

    /// Ordinary rows of this status, or of any.
    pub(crate) fn bits(status: Option<Status>) -> u8 {
        match status {
            None => 0b110,
            Some(Status::Live) => 0b010,
            Some(Status::Paused) => 0b100,
        }
    }

    /// The state as a number below 4, as [`Tag::bits`] counts them.
    #[inline(always)]
    pub(crate) fn state_number(self) -> u32 {
        u32::from(self.0 >> Self::GROUP_BITS)
    }

    #[inline]
    pub(crate) fn state(self) -> State {
        match self.0 >> Self::GROUP_BITS {
            0 => State::Empty,
            1 => State::Ordinary(Status::Live),
            2 => State::Ordinary(Status::Paused),
            _ => State::Aside,
        }
    }
}

/// A row whose code is further from it than the bound of ordinary rows says. It is looked at in every search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aside {
    pub(crate) row: u16,
    pub(crate) status: Status,
    /// `|e|` of `code`.
    pub(crate) error: f32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Person {
    pub(crate) payer: PayerId,
    pub(crate) last_four: LastFour,
}

/// What is put into a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewRow {
    pub(crate) person: Person,
    pub(crate) group: u32,
    pub(crate) status: Status,
}

/// Invariant: a row is `Some` in `people` exactly if its tag is not empty; `aside` is sorted and holds exactly the rows
/// tagged so; `counts` counts the rows by group and status; codes and numbers of an empty row are those of zero.
pub(crate) struct Block {
    shape: Shape,
    /// All codes, then all numbers.
    memory: Memory,
    tags: Vec<Tag>,
    people: Vec<Option<Person>>,
    aside: Vec<Aside>,
    /// By group: live and paused.
    counts: Vec<[u32; 2]>,
}

impl Block {
    /// # Errors
    /// The system has no memory.
    pub(crate) fn new(shape: Shape) -> io::Result<Self> {
        let memory = Memory::new(shape.rows * (shape.stride + shape.width()), shape.pages)?;
        Ok(Self {
            shape,
            memory,
            tags: Vec::with_capacity(shape.rows),
            people: Vec::with_capacity(shape.rows),
            aside: Vec::new(),
            counts: Vec::new(),
        })
    }

    /// Memory it takes: what was never used has not been given yet.
    pub(crate) fn bytes(&self) -> usize {
        let beside = size_of::<Tag>() + size_of::<Option<Person>>();
        self.tags.len() * (self.shape.stride + self.shape.width() + beside)
    }

    /// Rows that were ever used, up to a whole tile. Those beyond have never been touched.
    pub(crate) fn scanned(&self) -> usize {
        self.tags.len()
    }

    /// The codes of rows in this range.
    pub(crate) fn codes(&self, from: usize, to: usize) -> &[u8] {
        &self.memory.bytes()[from * self.shape.stride..to * self.shape.stride]
    }

    pub(crate) fn code(&self, row: usize) -> &[u8] {
        self.codes(row, row + 1)
    }

    /// The numbers of a row, as bytes of the machine's order.
    pub(crate) fn numbers(&self, row: usize) -> &[[u8; 4]] {
        let from = self.shape.rows * self.shape.stride + row * self.shape.width();
        self.memory.bytes()[from..from + self.shape.width()].as_chunks().0
    }

    pub(crate) fn tags(&self) -> &[Tag] {
        &self.tags
    }

    pub(crate) fn aside(&self) -> &[Aside] {
        &self.aside
    }

    pub(crate) fn counts(&self) -> &[[u32; 2]] {
        &self.counts
    }

    pub(crate) fn person(&self, row: usize) -> Option<&Person> {
        self.people.get(row)?.as_ref()
    }

    /// Who is in a row will be asked soon.
    pub(crate) fn fetch_person(&self, isa: Isa, row: usize) {
        if let Some(person) = self.people.get(row) {
            kernel::fetch_one(isa, person);
        }
    }

    /// `None` for a row in which nobody is.
    pub(crate) fn status(&self, row: usize) -> Option<Status> {
        match self.tags.get(row)?.state() {
            State::Empty => None,
            State::Ordinary(status) => Some(status),
            State::Aside => self.found_aside(row).map(|at| self.aside[at].status),
        }
    }

    /// Puts somebody in, over whoever is there.
    pub(crate) fn put(&mut self, grid: &Grid, row: usize, new: &NewRow, numbers: &[f32]) {
        self.leave(row);
        if self.tags.len() <= row {
            let tiles = (row + 1).next_multiple_of(TILE);
            let from = self.tags.len() * self.shape.stride;
            self.memory.bytes_mut()[from..tiles * self.shape.stride].fill(NOTHING);
            self.tags.resize(tiles, Tag::EMPTY);
            self.people.resize(tiles, None);
        }
        let (stride, from) = (self.shape.stride, row * self.shape.stride);
        let error = grid.encode(numbers, &mut self.memory.bytes_mut()[from..from + stride]);
        for (four, value) in self.numbers_mut(row).iter_mut().zip(numbers) {
            *four = value.to_ne_bytes();
        }
        let state = if f64::from(error) <= grid.ordinary {
            State::Ordinary(new.status)
        } else {
            let at = self.aside.partition_point(|aside| usize::from(aside.row) < row);
            self.aside.insert(at, Aside { row: narrow(row), status: new.status, error });
            State::Aside
        };
        self.tags[row] = Tag::new(new.group, state);
        self.people[row] = Some(new.person);
        self.count(new.group, new.status, 1);
    }

    /// Wipes a row. Nothing happens where nobody is.
    pub(crate) fn leave(&mut self, row: usize) {
        let Some(status) = self.status(row) else { return };
        self.count(self.tags[row].group(), status, -1);
        if let Some(at) = self.found_aside(row) {
            self.aside.remove(at);
        }
        self.tags[row] = Tag::EMPTY;
        self.people[row] = None;
        self.numbers_mut(row).as_flattened_mut().zeroize();
        let (stride, from) = (self.shape.stride, row * self.shape.stride);
        let code = &mut self.memory.bytes_mut()[from..from + stride];
        code.zeroize();
        code.fill(NOTHING);
    }

    /// The row's new tag; somebody is there.
    pub(crate) fn set_status(&mut self, row: usize, status: Status) -> Tag {
        let (before, group) = (self.status(row).expect("somebody is there"), self.tags[row].group());
        self.count(group, before, -1);
        self.count(group, status, 1);
        match self.found_aside(row) {
            Some(at) => self.aside[at].status = status,
            None => self.tags[row] = Tag::new(group, State::Ordinary(status)),
        }
        self.tags[row]
    }

    fn count(&mut self, group: u32, status: Status, more: i32) {
        let at = group as usize;
        if self.counts.len() <= at {
            self.counts.resize(at + 1, [0; 2]);
        }
        let count = &mut self.counts[at][usize::from(status == Status::Paused)];
        *count = count.checked_add_signed(more).expect("nobody leaves who was not counted");
    }

    pub(crate) fn found_aside(&self, row: usize) -> Option<usize> {
        self.aside.binary_search_by_key(&row, |aside| usize::from(aside.row)).ok()
    }

    fn numbers_mut(&mut self, row: usize) -> &mut [[u8; 4]] {
        let from = self.shape.rows * self.shape.stride + row * self.shape.width();
        let to = from + self.shape.width();
        self.memory.bytes_mut()[from..to].as_chunks_mut().0
    }
}

/// What was used is wiped, before the system has the memory back.
impl Drop for Block {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl Block {
    fn wipe(&mut self) {
        let (rows, stride, width) = (self.tags.len(), self.shape.stride, self.shape.width());
        let numbers = self.shape.rows * stride;
        let bytes = self.memory.bytes_mut();
        bytes[..rows * stride].zeroize();
        bytes[numbers..numbers + rows * width].zeroize();
    }
}

fn narrow(row: usize) -> u16 {
    u16::try_from(row).expect("a block has at most 32,768 rows")
}

/// For tests: any group and state.
#[cfg(test)]
impl Tag {
    pub(crate) fn of_number(group: u32, state: u8) -> Self {
        Self(u16::try_from(group).unwrap() | u16::from(state) << Self::GROUP_BITS)
    }
}

/// For tests: whether all that is said of a row agrees, and nothing of a template is left where nobody is.
#[cfg(test)]
impl Block {
    pub(crate) fn is_blank_after_wiping(&mut self) -> bool {
        let before = self.memory.bytes().iter().any(|byte| *byte != 0);
        self.wipe();
        before && self.memory.bytes().iter().all(|byte| *byte == 0)
    }

    pub(crate) fn check_invariants(&self, grid: &Grid) {
        let mut counts = vec![[0_u32; 2]; self.counts.len()];
        let mut code = vec![0; self.shape.stride];
        for row in 0..self.shape.rows {
            let numbers: Vec<f32> = self.numbers(row).iter().map(|four| f32::from_ne_bytes(*four)).collect();
            let Some(status) = self.status(row) else {
                assert!(self.person(row).is_none());
                assert!(numbers.iter().all(|v| v.to_bits() == 0));
                let untouched = if row < self.tags.len() { NOTHING } else { 0 };
                assert!(self.code(row).iter().all(|byte| *byte == untouched));
                continue;
            };
            assert!(self.person(row).is_some());
            let error = grid.encode(&numbers, &mut code);
            assert_eq!(self.code(row), code);
            assert_eq!(f64::from(error) > grid.ordinary, self.found_aside(row).is_some());
            counts[self.tags[row].group() as usize][usize::from(status == Status::Paused)] += 1;
        }
        assert_eq!(counts, self.counts);
        assert!(self.aside.is_sorted_by_key(|aside| aside.row));
        assert!(self.tags.len() <= self.shape.rows);
    }
}
