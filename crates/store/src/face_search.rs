//! Search rows: faces as vectors that PostgreSQL compares, through pgvector, for galleries that outgrow a process.
//!
//! The tables are made when that is first switched on, so that SQLite and a plain PostgreSQL stay as they are.
//! Invariants, held by the database whichever process writes: a row goes with its template, in that transaction; it
//! says at every commit whether its payer's face payment is on; and a template that has no row, or whose row a new
//! number, home or template made old, waits in `face_search_waiting` to get one.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail, ensure};
use evidence::WrappedKey;
use types::{Digest, PayerId};

use crate::templates::{TEMPLATES, TemplateRow, read_template};
use crate::value::{Value, text};
use crate::{Store, Tx};

/// Rows of a model with `d`, which is the less the more similar they are to the probe.
const NEAR: &str = "SELECT payer_id, model, region, pictures, live,
        turned <#> (SELECT CAST(CAST(?1 AS TEXT) AS vector)) AS d
 FROM face_search WHERE model = ?2";
/// Between the names of a list; in none of them.
const DIVIDER: &str = ";";
/// How wide a band of scores is, and from where on scores are told apart.
const BANDS: &str = "width_bucket(-d, 0.2, 1.0, 40)";
/// Upper end of a band of `BANDS`, as the same numbers say it.
const BAND_FROM: f64 = 0.2;
const BAND_WIDTH: f64 = 0.02;

/// A payer's face, as the database compares it.
#[derive(Clone, PartialEq)]
pub struct FaceRow {
    /// Whose.
    pub payer: PayerId,
    /// Of which model's template.
    pub model: Digest,
    /// A keyed fingerprint of the last four digits of the number.
    pub bucket: [u8; 32],
    /// The region of the home.
    pub region: String,
    /// How many pictures the template was fused from.
    pub pictures: u32,
    /// Is face payment on?
    pub live: bool,
    /// The template, turned.
    pub turned: Vec<f32>,
}

/// Who is searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaceScope {
    /// Everybody with a row: every row is read.
    Everybody,
    /// Those in one bucket.
    Bucket {
        /// A keyed fingerprint of last four digits.
        bucket: [u8; 32],
        /// Only of these regions; none of all.
        regions: Option<Vec<String>>,
        /// Only those whose face payment is on.
        live: bool,
    },
}

/// What is asked of the rows.
#[derive(Clone, Copy)]
pub struct FaceQuery<'a> {
    /// Of which model the templates are.
    pub model: Digest,
    /// Who is searched.
    pub scope: &'a FaceScope,
    /// The face, turned.
    pub probe: &'a [f32],
}

/// Somebody who was found, with the sealed template that decides.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundFace {
    /// Who.
    pub payer: PayerId,
    /// The region of the home.
    pub region: String,
    /// How many pictures the template was fused from.
    pub pictures: u32,
    /// Is face payment on?
    pub live: bool,
    /// The scalar product as the database computes it, in 32 bits.
    pub about: f64,
    /// In which band of [`FaceGroup`]s the row was counted.
    pub band: u32,
    /// The template itself, sealed.
    pub sealed: Vec<u8>,
    /// What it is sealed under; none for a value of the first version.
    pub key: Option<WrappedKey>,
}

/// How many were searched, of one region and number of pictures, in one band of scores.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FaceGroup {
    /// The region.
    pub region: String,
    /// Pictures in each template.
    pub pictures: u32,
    /// In a bucket always 0.
    pub band: u32,
    /// How many.
    pub people: u64,
}

impl FaceGroup {
    /// No score in a band is above this, as the database computes it.
    #[must_use]
    pub fn upper_end(band: u32) -> f64 {
        BAND_FROM + BAND_WIDTH * f64::from(band)
    }
}

impl std::fmt::Debug for FaceRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaceRow").field("payer", &self.payer).finish_non_exhaustive()
    }
}

/// A condition in SQL and the values it speaks of, behind those of the statement itself.
struct Condition {
    sql: String,
    values: Vec<Value>,
    band: &'static str,
}

impl FaceScope {
    /// `first` is the number of the first value.
    fn condition(&self, first: usize) -> Condition {
        match self {
            Self::Everybody => Condition { sql: "TRUE".to_owned(), values: Vec::new(), band: BANDS },
            Self::Bucket { bucket, regions, live } => {
                let mut sql = format!("bucket = ?{first}");
                let mut values = vec![bucket.as_slice().into()];
                if let Some(regions) = regions {
                    let _infallible =
                        write!(sql, " AND region = ANY(string_to_array(?{}, '{DIVIDER}'))", first + 1);
                    values.push(regions.join(DIVIDER).into());
                }
                if *live {
                    sql.push_str(" AND live = 1");
                }
                Condition { sql, values, band: "0" }
            }
        }
    }
}

impl Store {
    /// Makes the tables of search rows, if they are not there. Every template then waits for its row.
    ///
    /// # Errors
    /// The database is no PostgreSQL, has no pgvector, or lets us not use it; each says what to do.
    pub fn make_face_search(&self) -> Result<()> {
        self.write(|tx| {
            ensure!(
                tx.is_postgres(),
                "search in the database needs PostgreSQL: name one with --database, or search in memory"
            );
            tx.lock_name("face_search")?;
            tx.make_extension()?;
            let there = "SELECT count(*) AS n FROM pg_class WHERE oid = to_regclass('face_search')";
            if tx.number(there, &[])? == 0 {
                for statement in include_str!("face_search.sql").split("\n\n") {
                    tx.execute(statement, &[]).context("making the tables of search rows")?;
                }
            }
            Ok(())
        })
    }
}

impl Tx<'_> {
    fn make_extension(&self) -> Result<()> {
        let count = |table: &str, column: &str| {
            self.number(&format!("SELECT count(*) AS n FROM {table} WHERE {column} = 'vector'"), &[])
        };
        if count("pg_extension", "extname")? > 0 {
            return Ok(());
        }
        if count("pg_available_extensions", "name")? == 0 {
            bail!("the server of the database has no pgvector: install it there, or search in memory");
        }
        self.execute("CREATE EXTENSION IF NOT EXISTS vector", &[]).map(drop).context(
            "pgvector could not be switched on: let a superuser run CREATE EXTENSION vector in this database, then \
             start again",
        )
    }

    /// Writes a payer's search row in place of an older one; it waits no more.
    ///
    /// # Errors
    /// There is no template; the database fails.
    pub fn put_face_row(&self, row: &FaceRow) -> Result<()> {
        let FaceRow { payer, model, bucket, region, pictures, live, turned } = row;
        self.execute_one(
            "INSERT INTO face_search (payer_id, model, bucket, region, pictures, live, turned)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, CAST(CAST(?7 AS TEXT) AS vector))
             ON CONFLICT (payer_id, model) DO UPDATE SET bucket = excluded.bucket, region = excluded.region,
                pictures = excluded.pictures, live = excluded.live, turned = excluded.turned",
            &[
                text(payer),
                text(model),
                bucket.as_slice().into(),
                region.as_str().into(),
                (*pictures).into(),
                (*live).into(),
                numbers(turned),
            ],
        )?;
        let written = "DELETE FROM face_search_waiting WHERE payer_id = ?1 AND model = ?2";
        self.execute(written, &[text(payer), text(model)])?;
        Ok(())
    }

    /// Templates of a model that wait for their row, with what it is made from. They and their payers stay as they are
    /// until this transaction ends.
    ///
    /// # Errors
    /// The database fails.
    pub fn faces_waiting(&self, model: Digest, limit: u32) -> Result<Vec<TemplateRow>> {
        let sql = format!(
            "{TEMPLATES} AND EXISTS (SELECT 1 FROM face_search_waiting w
                 WHERE w.payer_id = t.payer_id AND w.model = t.model)
             ORDER BY t.payer_id LIMIT ?2 FOR NO KEY UPDATE OF p, t"
        );
        self.all(&sql, &[text(model), limit.into()], read_template)
    }

    /// How many search rows of a model there are.
    ///
    /// # Errors
    /// The database fails.
    pub fn face_row_count(&self, model: Digest) -> Result<u64> {
        let sql = "SELECT count(*) AS n FROM face_search WHERE model = ?1";
        Ok(u64::try_from(self.number(sql, &[text(model)])?)?)
    }

    /// Those who are most similar as the database computes it, most similar first.
    ///
    /// # Errors
    /// The database fails.
    pub fn nearest_faces(&self, query: &FaceQuery<'_>, limit: u32) -> Result<Vec<FoundFace>> {
        let Condition { sql, values, band } = query.scope.condition(4);
        let near = format!("{NEAR} AND {sql} ORDER BY d LIMIT ?3");
        self.found_faces(&near, band, &[query.values(), vec![limit.into()], values].concat())
    }

    /// Of these payers those who are searched, wherever they rank.
    ///
    /// # Errors
    /// The database fails.
    pub fn named_faces(&self, query: &FaceQuery<'_>, named: &[PayerId]) -> Result<Vec<FoundFace>> {
        let Condition { sql, values, band } = query.scope.condition(4);
        let near = format!("{NEAR} AND payer_id = ANY(string_to_array(?3, '{DIVIDER}')) AND {sql}");
        let named: Vec<String> = named.iter().map(ToString::to_string).collect();
        self.found_faces(&near, band, &[query.values(), vec![named.join(DIVIDER).into()], values].concat())
    }

    /// How many are searched, by region, number of pictures and, for everybody, band of scores.
    ///
    /// # Errors
    /// The database fails.
    pub fn face_groups(&self, query: &FaceQuery<'_>) -> Result<Vec<FaceGroup>> {
        let Condition { sql, values, band } = query.scope.condition(3);
        let sql = format!(
            "SELECT region, pictures, CAST({band} AS BIGINT) AS band, count(*) AS people
             FROM ({NEAR} AND {sql}) AS all_of_them GROUP BY 1, 2, 3"
        );
        let mut groups = self.all(&sql, &[query.values(), values].concat(), |row| {
            Ok(FaceGroup {
                region: row.string("region")?,
                pictures: row.count("pictures")?,
                band: row.count("band")?,
                people: u64::try_from(row.integer("people")?)?,
            })
        })?;
        groups.sort();
        Ok(groups)
    }

    fn found_faces(&self, near: &str, band: &str, values: &[Value]) -> Result<Vec<FoundFace>> {
        let sql = format!(
            "SELECT n.payer_id, n.region, n.pictures, n.live, -d AS about, CAST({band} AS BIGINT) AS band,
                    t.template_sealed, k.key_wrapped, k.generation
             FROM ({near}) AS n JOIN templates t ON t.payer_id = n.payer_id AND t.model = n.model
             LEFT JOIN face_keys k ON k.payer_id = n.payer_id ORDER BY d"
        );
        self.all(&sql, values, |row| {
            Ok(FoundFace {
                payer: row.parse("payer_id")?,
                region: row.string("region")?,
                pictures: row.count("pictures")?,
                live: row.boolean("live")?,
                about: row.real("about")?,
                band: row.count("band")?,
                sealed: row.blob("template_sealed")?,
                key: row.wrapped_key("key_wrapped", "generation")?,
            })
        })
    }
}

impl FaceQuery<'_> {
    fn values(&self) -> Vec<Value> {
        vec![numbers(self.probe), text(self.model)]
    }
}

/// A vector as pgvector reads it. Each number comes back as it was: it is written as the shortest text that does.
fn numbers(vector: &[f32]) -> Value {
    let mut text = String::with_capacity(vector.len() * 13 + 2);
    for (at, number) in vector.iter().enumerate() {
        text.push(if at == 0 { '[' } else { ',' });
        let _infallible = write!(text, "{number:e}");
    }
    text.push(']');
    Value::Text(text)
}
