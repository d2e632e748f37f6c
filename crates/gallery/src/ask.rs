//! One query on its way: what is asked, and what is known after some of the rows.
//!
//! Each row is seen once, under a lock under which nobody changes it, and everything that is said of it is said there and
//! then: which band, whether it is among the best, and if it could be, its exact score. Nothing has to be looked up again
//! after the lock was let go.

use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

use types::{PayerId, Score};
use zeroize::Zeroizing;

use crate::block::{Aside, Block, State, Tag};
use crate::code::Probe;
use crate::kernel;
use crate::rows::{Group, Member, Place, Rows};
use crate::sieve::{Band, Ruler, Sieved, Wanted};
use crate::tally::Tally;
use crate::{Filter, Hit, Query, Search, Status};

/// How many of the rows that are compared exactly are fetched ahead: they lie anywhere.
const FETCHED: usize = 32;

/// What is asked.
pub(crate) struct Ask<'a> {
    pub(crate) query: Query<'a>,
    pub(crate) probe: Probe,
    exact: Zeroizing<Vec<f64>>,
    ruler: Ruler,
    /// Every ordinary row that may be above the first band has this sum at least.
    second_band: i32,
    /// Payers asked for by name, by slot. Whoever is in the slot is compared with the payer once it is read.
    named: Vec<(u32, PayerId)>,
}

/// Somebody whose exact score is known.
#[derive(Clone, Copy)]
struct Scored {
    slot: u32,
    payer: PayerId,
    score: f64,
    group: u32,
    status: Status,
    band: Band,
}

/// Whom the filter admits.
struct Admits {
    status: Option<Status>,
    /// The same, as [`Tag::is_among`] takes it.
    states: u8,
    /// By group; `None` where no region is asked for.
    groups: Option<Vec<bool>>,
}

/// What is known so far.
pub(crate) struct Progress {
    admits: Admits,
    /// The best, best first, one more than wanted: that one is the best of the rest.
    best: Vec<Scored>,
    keep: usize,
    /// What a row must score to be among the best: nothing until they are so many.
    floor: f64,
    floor_sum: i32,
    named: Vec<Scored>,
    tally: Tally,
    /// Kept for its memory.
    candidates: Vec<(i32, u32, Tag)>,
}

impl<'a> Ask<'a> {
    pub(crate) fn new(rows: &Rows, query: &Query<'a>) -> Self {
        let probe = Probe::new(&rows.grid, query.probe.values(), rows.shape.stride);
        let exact = Zeroizing::new(query.probe.values().iter().map(|v| f64::from(*v)).collect());
        let slots = query.named.iter().filter_map(|payer| Some((rows.slot_of(*payer)?, *payer)));
        let mut named: Vec<(u32, PayerId)> = slots.collect();
        named.sort_unstable();
        named.dedup();
        let ruler = Ruler::new(probe.score(1), probe.ordinary());
        Self { query: *query, exact, ruler, second_band: probe.least_sum(Ruler::SECOND), named, probe }
    }

    fn is_named(&self, slot: u32) -> bool {
        !self.named.is_empty() && self.named.binary_search_by_key(&slot, |(slot, _)| *slot).is_ok()
    }
}

impl Progress {
    pub(crate) fn new(query: &Query<'_>) -> Self {
        let Filter { last_four: _, status, region } = query.filter;
        Self {
            admits: Admits { status, states: Tag::bits(status), groups: region.map(|_| Vec::new()) },
            best: Vec::new(),
            keep: query.top + 1,
            floor: f64::NEG_INFINITY,
            floor_sum: i32::MIN,
            named: Vec::new(),
            tally: Tally::default(),
            candidates: Vec::new(),
        }
    }

    /// Groups may have come since the lock was last held.
    pub(crate) fn begin(&mut self, ask: &Ask<'_>, rows: &Rows) {
        self.tally.make_room(rows.groups().len());
        if let (Some(groups), Some(region)) = (&mut self.admits.groups, ask.query.filter.region) {
            let new = rows.groups().iter().skip(groups.len()).map(|group| *group.region == *region);
            groups.extend(new.collect::<Vec<bool>>());
        }
    }

    /// Everybody in a block is counted as searched. How many they are.
    pub(crate) fn count(&mut self, block: &Block) -> u64 {
        let (admits, tally) = (&self.admits, &mut self.tally);
        tally.add_block(block.counts(), admits.status, |group| admits.group(group))
    }

    /// What a scan has to find from now on.
    pub(crate) fn wanted(&self, ask: &Ask<'_>) -> Wanted {
        Wanted {
            ruler: ask.ruler,
            counted: ask.second_band,
            floor: self.floor_sum,
            states: self.admits.states,
        }
    }

    /// Rows of a scan that began at `first`. Those that lie aside come by [`Progress::rest`].
    pub(crate) fn found(&mut self, ask: &Ask<'_>, rows: &Rows, at: Place, found: &Sieved) {
        // Groups that the filter does not admit are counted too, and never asked for.
        self.tally.put_all(found.counters());
        let (tags, first) = (&rows.blocks()[at.block].tags()[at.row..], slot(rows, at));
        self.compare(ask, rows, found.high().map(|(row, sum)| (sum, first + row, tags[row as usize])));
    }

    /// What a scan of a block leaves: the rows that lie aside, and those asked for by name.
    pub(crate) fn rest(&mut self, ask: &Ask<'_>, rows: &Rows, at: usize) {
        let block = &rows.blocks()[at];
        let first = slot(rows, Place { block: at, row: 0 });
        for aside in block.aside() {
            let tag = block.tags()[usize::from(aside.row)];
            self.aside(ask, rows, (first + u32::from(aside.row), tag), aside);
        }
        let end = first + u32::try_from(rows.shape.rows).expect("a block's rows fit 32 bits");
        let from = ask.named.partition_point(|(slot, _)| *slot < first);
        for (slot, payer) in ask.named[from..].iter().take_while(|(slot, _)| *slot < end) {
            self.by_name(ask, rows, *slot, *payer);
        }
    }

    /// The rows of a block whom a region admits, where they are few.
    pub(crate) fn gather_block(&mut self, ask: &Ask<'_>, rows: &Rows, at: usize) {
        let first = slot(rows, Place { block: at, row: 0 });
        let members = (first..).zip(rows.blocks()[at].tags()).map(|(slot, tag)| Member { slot, tag: *tag });
        let admits = &self.admits;
        let few: Vec<Member> = members.filter(|member| admits.is_ordinary(member.tag)).collect();
        self.gather(ask, rows, &few, Tally::put_all);
        self.rest(ask, rows, at);
    }

    /// A whole bucket. It is counted as searched here.
    pub(crate) fn bucket(&mut self, ask: &Ask<'_>, rows: &Rows, bucket: &[Member]) {
        if self.admits.groups.is_some() {
            let admitted = bucket.iter().filter(|member| self.admits.group(member.tag.group() as usize));
            let few: Vec<Member> = admitted.copied().collect();
            self.gather(ask, rows, &few, Tally::add_all);
        } else {
            self.gather(ask, rows, bucket, Tally::add_all);
        }
        for member in bucket.iter().filter(|member| member.tag.state() == State::Aside) {
            let place = rows.place(member.slot);
            let block = &rows.blocks()[place.block];
            let Some(at) = block.found_aside(place.row) else { continue };
            if self.admits.row(block.aside()[at].status, member.tag) {
                self.tally.add_one(member.tag.group());
                self.aside(ask, rows, (member.slot, member.tag), &block.aside()[at]);
            }
        }
        for (slot, payer) in &ask.named {
            if bucket.binary_search_by_key(slot, |member| member.slot).is_ok() {
                self.by_name(ask, rows, *slot, *payer);
            }
        }
    }

    /// The ordinary ones of these rows, whose groups are admitted. All of them are counted, by `count`.
    fn gather(&mut self, ask: &Ask<'_>, rows: &Rows, members: &[Member], count: impl Fn(&mut Tally, &[u32])) {
        let mut sums = Vec::with_capacity(members.len());
        kernel::gather(rows.isa, &runs(rows, members), &ask.probe, &mut sums);
        let tags: Vec<Tag> = members.iter().map(|member| member.tag).collect();
        let seen = sums.iter().copied().zip(tags.iter().copied());
        let floor = self.floor_sum.max(self.least_of_best(ask, seen));
        let wanted = Wanted { counted: i32::MIN, floor, ..self.wanted(ask) };
        let mut found = Sieved::new(members.len());
        kernel::sieve(rows.isa, &sums, &tags, &wanted, &mut found);
        count(&mut self.tally, found.counters());
        self.compare(
            ask,
            rows,
            found.high().map(|(at, sum)| (sum, members[at as usize].slot, members[at as usize].tag)),
        );
    }

    /// The sum that the best must have, as far as those `seen` can tell: enough of them score at least what a row of less
    /// scores at most.
    fn least_of_best(&self, ask: &Ask<'_>, seen: impl Iterator<Item = (i32, Tag)>) -> i32 {
        let mut best = Vec::with_capacity(self.keep + 1);
        let mut last = i32::MIN;
        for (sum, tag) in seen {
            if (sum > last || best.len() < self.keep) && self.admits.is_ordinary(tag) {
                best.insert(best.partition_point(|better| *better >= sum), sum);
                best.truncate(self.keep);
                last = best[best.len() - 1];
            }
        }
        if best.len() < self.keep {
            return i32::MIN;
        }
        ask.probe.least_sum(ask.probe.score(last) - ask.probe.ordinary())
    }

    /// Ordinary rows that were counted: compares those exactly that may be among the best.
    fn compare(&mut self, ask: &Ask<'_>, rows: &Rows, seen: impl Iterator<Item = (i32, u32, Tag)> + Clone) {
        let mut least = self.floor_sum;
        if self.best.len() < self.keep {
            least = least.max(self.least_of_best(ask, seen.clone().map(|(sum, _, tag)| (sum, tag))));
        }
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        for (sum, slot, tag) in seen {
            if sum >= least && self.admits.is_ordinary(tag) && !ask.is_named(slot) {
                candidates.push((sum, slot, tag));
            }
        }
        candidates.sort_unstable_by_key(|candidate| Reverse(candidate.0));
        for (_, slot, _) in candidates.iter().take(FETCHED) {
            let place = rows.place(*slot);
            let block = &rows.blocks()[place.block];
            kernel::fetch(rows.isa, block.numbers(place.row).as_flattened());
            block.fetch_person(rows.isa, place.row);
        }
        for four in candidates.chunks(4) {
            if four[0].0 < self.floor_sum {
                break;
            }
            let slots = [0, 1, 2, 3].map(|n: usize| four[n.min(four.len() - 1)].1);
            for ((sum, slot, tag), score) in four.iter().zip(exact(rows, slots, &ask.exact)) {
                if let Some(status) = self.admits.ordinary(*tag) {
                    let (from, band) = (ask.ruler.band(*sum), Band::of(score));
                    self.tally.shift(tag.group(), from, band);
                    self.offer(ask, rows, (*slot, score), (tag.group(), status, band));
                }
            }
        }
        self.candidates = candidates;
    }

    /// A row with a bound of its own.
    fn aside(&mut self, ask: &Ask<'_>, rows: &Rows, (slot, tag): (u32, Tag), aside: &Aside) {
        if !self.admits.row(aside.status, tag) {
            return;
        }
        let upper = upper(ask, rows, slot, aside);
        if upper >= self.floor && !ask.is_named(slot) {
            let [score, ..] = exact(rows, [slot; 4], &ask.exact);
            let band = Band::of(score);
            self.tally.put(tag.group(), band);
            self.offer(ask, rows, (slot, score), (tag.group(), aside.status, band));
        } else {
            self.tally.put(tag.group(), Band::of(upper));
        }
    }

    /// A row asked for by name, if the payer is still there and the filter admits him. His band was counted before.
    fn by_name(&mut self, ask: &Ask<'_>, rows: &Rows, slot: u32, payer: PayerId) {
        let place = rows.place(slot);
        let block = &rows.blocks()[place.block];
        let (Some(person), Some(status)) = (block.person(place.row), block.status(place.row)) else { return };
        let tag = block.tags()[place.row];
        if person.payer != payer || !self.admits.row(status, tag) {
            return;
        }
        let counted = match block.found_aside(place.row) {
            Some(at) => Band::of(upper(ask, rows, slot, &block.aside()[at])),
            None => ask.ruler.band(sum(ask, rows, slot)),
        };
        let [score, ..] = exact(rows, [slot; 4], &ask.exact);
        let band = Band::of(score);
        self.tally.shift(tag.group(), counted, band);
        self.named.push(Scored { slot, payer, score, group: tag.group(), status, band });
        self.offer(ask, rows, (slot, score), (tag.group(), status, band));
    }

    /// Takes a row among the best, if it is one of them.
    fn offer(
        &mut self,
        ask: &Ask<'_>,
        rows: &Rows,
        (slot, score): (u32, f64),
        (group, status, band): (u32, Status, Band),
    ) {
        if score < self.floor {
            return;
        }
        let place = rows.place(slot);
        let Some(person) = rows.blocks()[place.block].person(place.row) else { return };
        let new = Scored { slot, payer: person.payer, score, group, status, band };
        let at = self.best.partition_point(|known| ranking(known, &new) == Ordering::Less);
        self.best.insert(at, new);
        self.best.truncate(self.keep);
        if let Some(last) = self.best.get(self.keep - 1) {
            self.floor = last.score;
            self.floor_sum = ask.probe.least_sum(last.score);
        }
    }

    /// The answer. `None` if somebody was removed and enrolled again meanwhile and would be named twice.
    pub(crate) fn finish(mut self, ask: &Ask<'_>, rows: &Rows) -> Option<Search> {
        self.tally.make_room(rows.groups().len());
        let rest = self.best.get(ask.query.top).map(|scored| scored.score);
        self.best.truncate(ask.query.top);
        self.named.retain(|named| !self.best.iter().any(|hit| hit.slot == named.slot));
        self.named.sort_by(ranking);
        let mut payers: Vec<PayerId> = self.best.iter().chain(&self.named).map(|s| s.payer).collect();
        payers.sort_unstable();
        if payers.windows(2).any(|pair| pair[0] == pair[1]) {
            return None;
        }
        for scored in self.best.iter().chain(&self.named) {
            self.tally.list(scored.group, scored.band);
        }
        Some(Search {
            hits: self.best.iter().map(|scored| hit(rows, scored)).collect(),
            named: self.named.iter().map(|scored| hit(rows, scored)).collect(),
            unlisted: self.tally.unlisted(rows, rest.unwrap_or(-1.0)),
            searched: self.tally.searched(),
            rest_best_score: rest.map(Score::new),
            searched_by_region: self.tally.by_region(rows),
        })
    }
}

impl Admits {
    fn group(&self, group: usize) -> bool {
        self.groups.as_ref().is_none_or(|groups| groups.get(group).copied().unwrap_or(false))
    }

    #[inline]
    fn row(&self, status: Status, tag: Tag) -> bool {
        self.status.is_none_or(|wanted| wanted == status) && self.group(tag.group() as usize)
    }

    #[inline]
    fn is_ordinary(&self, tag: Tag) -> bool {
        tag.is_among(self.states) && self.group(tag.group() as usize)
    }

    /// The status of an ordinary row that is admitted.
    fn ordinary(&self, tag: Tag) -> Option<Status> {
        match tag.state() {
            State::Empty | State::Aside => None,
            State::Ordinary(status) => self.row(status, tag).then_some(status),
        }
    }
}

fn slot(rows: &Rows, at: Place) -> u32 {
    u32::try_from(at.block * rows.shape.rows + at.row).expect("ROWS_MAX fits 32 bits")
}

/// The codes of these rows, those that lie side by side as one.
fn runs<'a>(rows: &'a Rows, members: &[Member]) -> Vec<&'a [u8]> {
    let mut runs = Vec::with_capacity(members.len() / 4);
    let mut rest = members;
    while let Some(first) = rest.first() {
        let place = rows.place(first.slot);
        let side_by_side = (first.slot..).zip(rest).take(rows.shape.rows - place.row);
        let many = side_by_side.take_while(|(slot, member)| member.slot == *slot).count();
        runs.push(rows.blocks()[place.block].codes(place.row, place.row + many));
        rest = &rest[many..];
    }
    runs
}

fn sum(ask: &Ask<'_>, rows: &Rows, slot: u32) -> i32 {
    let place = rows.place(slot);
    let mut sums = Vec::with_capacity(4);
    kernel::gather(rows.isa, &[rows.blocks()[place.block].code(place.row)], &ask.probe, &mut sums);
    sums.first().copied().unwrap_or(i32::MAX)
}

fn upper(ask: &Ask<'_>, rows: &Rows, slot: u32, aside: &Aside) -> f64 {
    ask.probe.score(sum(ask, rows, slot)) + ask.probe.bound(f64::from(aside.error))
}

/// Scalar products in `f64`: the same sums, in the same order, as [`types::Template::similarity`]. Four rows at a time,
/// because each sum waits for itself.
fn exact(rows: &Rows, slots: [u32; 4], probe: &[f64]) -> [f64; 4] {
    let numbers = slots.map(|slot| {
        let place = rows.place(slot);
        rows.blocks()[place.block].numbers(place.row)
    });
    // A sum of no floats is -0.0 in Rust.
    let mut sums = [-0.0; 4];
    let [a, b, c, d] = numbers;
    for ((((y, a), b), c), d) in probe.iter().zip(a).zip(b).zip(c).zip(d) {
        for (sum, x) in sums.iter_mut().zip([a, b, c, d]) {
            *sum += f64::from(f32::from_ne_bytes(*x)) * y;
        }
    }
    sums.map(|sum| Score::new(sum).value())
}

/// Higher scores first, then smaller payer ids.
fn ranking(a: &Scored, b: &Scored) -> Ordering {
    b.score.total_cmp(&a.score).then_with(|| a.payer.cmp(&b.payer)).then_with(|| a.slot.cmp(&b.slot))
}

fn hit(rows: &Rows, scored: &Scored) -> Hit {
    let Group { region, pictures } = &rows.groups()[scored.group as usize];
    Hit {
        payer: scored.payer,
        score: Score::new(scored.score),
        pictures: *pictures,
        status: scored.status,
        region: Arc::clone(region),
    }
}
