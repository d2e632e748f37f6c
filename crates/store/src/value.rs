//! Values as SQL sees them, and rows as we read them: the seam to the database driver.

use std::fmt::Display;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow};
use bytes::BytesMut;
use evidence::WrappedKey;
use rusqlite::types::{FromSql, ToSqlOutput, ValueRef};
use serde::de::DeserializeOwned;
use tokio_postgres::types as postgres;
use types::{Amount, GeoPoint, Timestamp};

type Fault = Box<dyn std::error::Error + Sync + Send>;

/// A parameter of a statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Real(f64),
    Blob(Vec<u8>),
    Null,
}

/// An id, or anything else that is stored as the text it shows as.
pub(crate) fn text(value: impl Display) -> Value {
    Value::Text(value.to_string())
}

/// A value stored as JSON text.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<Value> {
    Ok(Value::Text(serde_json::to_string(value)?))
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Integer(i64::from(value))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Integer(i64::from(value))
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Blob(value.to_vec())
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Integer(value.as_microsecond())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Integer(integer) => ValueRef::Integer(*integer),
            Self::Real(real) => ValueRef::Real(*real),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
            Self::Null => ValueRef::Null,
        }))
    }
}

/// As the column's type wants it; a type that does not fit is our own mistake and an error.
impl postgres::ToSql for Value {
    fn to_sql(&self, ty: &postgres::Type, out: &mut BytesMut) -> Result<postgres::IsNull, Fault> {
        match self {
            Self::Text(text) => text.to_sql_checked(ty, out),
            Self::Integer(integer) => integer.to_sql_checked(ty, out),
            Self::Real(real) => real.to_sql_checked(ty, out),
            Self::Blob(bytes) => bytes.to_sql_checked(ty, out),
            Self::Null => Ok(postgres::IsNull::Yes),
        }
    }

    fn accepts(_: &postgres::Type) -> bool {
        true
    }

    fn to_sql_checked(&self, ty: &postgres::Type, out: &mut BytesMut) -> Result<postgres::IsNull, Fault> {
        self.to_sql(ty, out)
    }
}

/// What both drivers can read from a column.
pub(crate) trait Column: FromSql + for<'a> postgres::FromSql<'a> {}
impl<T: FromSql + for<'a> postgres::FromSql<'a>> Column for T {}

/// A row of a result, read by column name. A value that is not what its column promises is a damaged
/// database: an error that names the column.
pub(crate) enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

impl Row<'_> {
    fn get<T: Column>(&self, column: &str) -> Result<T> {
        match self {
            Self::Sqlite(row) => row.get(column).map_err(anyhow::Error::new),
            Self::Postgres(row) => row.try_get(column).map_err(anyhow::Error::new),
        }
        .with_context(|| format!("reading column {column}"))
    }

    pub(crate) fn string(&self, column: &str) -> Result<String> {
        self.get(column)
    }

    pub(crate) fn integer(&self, column: &str) -> Result<i64> {
        self.get(column)
    }

    pub(crate) fn optional_integer(&self, column: &str) -> Result<Option<i64>> {
        self.get(column)
    }

    pub(crate) fn count(&self, column: &str) -> Result<u32> {
        u32::try_from(self.integer(column)?).with_context(|| format!("reading column {column}"))
    }

    pub(crate) fn boolean(&self, column: &str) -> Result<bool> {
        Ok(self.integer(column)? != 0)
    }

    pub(crate) fn real(&self, column: &str) -> Result<f64> {
        self.get(column)
    }

    pub(crate) fn blob(&self, column: &str) -> Result<Vec<u8>> {
        self.get(column)
    }

    pub(crate) fn optional_blob(&self, column: &str) -> Result<Option<Vec<u8>>> {
        self.get(column)
    }

    /// 32 bytes: a digest or a keyed fingerprint.
    pub(crate) fn fingerprint(&self, column: &str) -> Result<[u8; 32]> {
        <[u8; 32]>::try_from(self.blob(column)?.as_slice())
            .with_context(|| format!("column {column} is damaged"))
    }

    /// As [`Row::fingerprint`], for a column that may be empty.
    pub(crate) fn optional_fingerprint(&self, column: &str) -> Result<Option<[u8; 32]>> {
        let bytes = self.optional_blob(column)?.map(|bytes| <[u8; 32]>::try_from(bytes.as_slice()));
        bytes.transpose().with_context(|| format!("column {column} is damaged"))
    }

    /// A data key and the generation that wrapped it; none where there is none.
    pub(crate) fn wrapped_key(&self, key: &str, generation: &str) -> Result<Option<WrappedKey>> {
        let Some(bytes) = self.optional_blob(key)? else { return Ok(None) };
        Ok(Some(WrappedKey { generation: self.parse(generation)?, bytes }))
    }

    pub(crate) fn optional_string(&self, column: &str) -> Result<Option<String>> {
        self.get(column)
    }

    /// An id, or anything else that was stored by [`text`].
    pub(crate) fn parse<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T> {
        self.string(column)?.parse().map_err(|e| anyhow!("column {column} is damaged: {e}"))
    }

    /// As [`Row::parse`], for a column that may be empty.
    pub(crate) fn optional_parse<T: FromStr<Err: Display>>(&self, column: &str) -> Result<Option<T>> {
        let value = self.optional_string(column)?.map(|value| value.parse()).transpose();
        value.map_err(|e| anyhow!("column {column} is damaged: {e}"))
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        serde_json::from_str(&self.string(column)?).with_context(|| format!("column {column} is damaged"))
    }

    pub(crate) fn time(&self, column: &str) -> Result<Timestamp> {
        Timestamp::from_microsecond(self.integer(column)?)
            .with_context(|| format!("column {column} is damaged"))
    }

    pub(crate) fn optional_time(&self, column: &str) -> Result<Option<Timestamp>> {
        let micros: Option<i64> = self.get(column)?;
        micros
            .map(Timestamp::from_microsecond)
            .transpose()
            .with_context(|| format!("column {column} is damaged"))
    }

    /// From the columns `minor` and `currency`.
    pub(crate) fn amount(&self) -> Result<Amount> {
        Ok(Amount::new(self.integer("minor")?, self.parse("currency")?))
    }

    /// From two columns of degrees.
    pub(crate) fn point(&self, latitude: &str, longitude: &str) -> Result<GeoPoint> {
        GeoPoint::new(self.real(latitude)?, self.real(longitude)?)
            .with_context(|| format!("columns {latitude} and {longitude} are damaged"))
    }
}
