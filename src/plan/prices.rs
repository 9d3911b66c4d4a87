//! Price files: what ECI charges, by region, with source and date.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::money::{NANOS, decimal};
use super::report::Finding;
use crate::type_error::TypeError;

/// A price file with the vendor's worked example, marked with its source and date, as JSON text. A host that uses it
/// says so: it is an example, not a price list.
pub const SAMPLE_PRICES: &str = include_str!("sample-prices.json");

/// The prices of a region. A price that the file does not have is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Prices {
    /// The region; `None` for prices of every region.
    pub region: Option<String>,
    /// Where the prices are from: a page, an invoice.
    pub source: String,
    /// The day on which the source was read, `2026-11-30`.
    pub date: String,
    /// A GiB of disk for an hour, in billionths of the currency. A pod that uses a cache pays for a disk of its size.
    #[serde(skip)]
    pub use_gib_hour: Option<u64>,
    /// A GiB of snapshot for a month, in billionths of the currency.
    #[serde(skip)]
    pub store_gib_month: Option<u64>,
    /// The instance that makes a cache for a second, in billionths of the currency.
    #[serde(skip)]
    pub builder_second: Option<u64>,
}

/// Price files, read.
///
/// ```
/// use imagecache::plan::{PriceTable, SAMPLE_PRICES};
/// let mut table = PriceTable::default();
/// table.add("sample", &SAMPLE_PRICES.parse().unwrap());
/// assert!(table.findings().is_empty());
/// assert_eq!(table.currency(), Some("USD"));
/// let prices = table.of(Some("cn-hangzhou")).unwrap();
/// assert_eq!(prices.use_gib_hour, Some(500_000));
/// assert!(table.of(Some("cn-beijing")).is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct PriceTable {
    currency: Option<String>,
    rows: Vec<Prices>,
    findings: Vec<Finding>,
}

const ROW_FIELDS: [&str; 10] = [
    "region",
    "source",
    "date",
    "currency",
    "useGibHour",
    "storeGibMonth",
    "builderVcpuSecond",
    "builderGibSecond",
    "builderVcpus",
    "builderGib",
];

impl PriceTable {
    /// Adds a price file. Rows that cannot be used are reported in [`PriceTable::findings`] and left out; paths begin with
    /// `name`, the name of the file.
    pub fn add(&mut self, name: &str, file: &Value) {
        let Some(fields) = file.as_object() else {
            self.misfit(
                name.to_owned(),
                "an object with `currency` and `prices`",
                file,
            );
            return;
        };
        for field in fields.keys() {
            if !["$schema", "currency", "prices"].contains(&field.as_str()) {
                self.find(format!("{name}: {field}"), "unknown field");
            }
        }
        let rows = match fields.get("prices") {
            Some(Value::Array(rows)) => rows,
            Some(other) => return self.misfit(format!("{name}: prices"), "a list", other),
            None => return self.find(format!("{name}: prices"), "required"),
        };
        let currency = fields.get("currency");
        for (index, row) in rows.iter().enumerate() {
            let path = format!("{name}: prices[{index}]");
            match row.as_object() {
                Some(row) => self.add_row(&path, row, currency),
                None => self.misfit(path, "an object", row),
            }
        }
    }

    fn add_row(&mut self, path: &str, row: &Map<String, Value>, currency: Option<&Value>) {
        let before = self.findings.len();
        for field in row.keys() {
            if !ROW_FIELDS.contains(&field.as_str()) {
                self.find(format!("{path}.{field}"), "unknown field");
            }
        }
        let own = row.get("currency").or(currency);
        let currency = self.text(&format!("{path}.currency"), own);
        let source = self.text(&format!("{path}.source"), row.get("source"));
        let date = self.text(&format!("{path}.date"), row.get("date"));
        if date.as_deref().is_some_and(|date| !is_date(date)) {
            let found = date.as_deref().unwrap_or_default();
            let message = format!("`{found}` is not a date, such as 2026-11-30");
            self.find(format!("{path}.date"), &message);
        }
        let region = match row.get("region") {
            None | Some(Value::Null) => None,
            some => self.text(&format!("{path}.region"), some),
        };
        let mut price =
            |field: &str, scale| self.number(&format!("{path}.{field}"), row.get(field), scale);
        let use_gib_hour = price("useGibHour", NANOS);
        let store_gib_month = price("storeGibMonth", NANOS);
        let vcpu = price("builderVcpuSecond", NANOS);
        let memory = price("builderGibSecond", NANOS);
        let vcpus = price("builderVcpus", 1).unwrap_or(BUILDER_VCPUS);
        let gib = price("builderGib", 1).unwrap_or(BUILDER_GIB);
        if self.findings.len() > before {
            return;
        }
        let (Some(currency), Some(source), Some(date)) = (currency, source, date) else {
            return;
        };
        let first = self.currency.get_or_insert_with(|| currency.clone());
        if *first != currency {
            let message =
                format!("`{currency}`, but the prices before are in {first}; the row is not used");
            return self.find(format!("{path}.currency"), &message);
        }
        if self.rows.iter().any(|row| row.region == region) {
            let shown = region.as_deref().unwrap_or("every region");
            let message = format!("duplicate prices of {shown}; the first ones are used");
            return self.find(format!("{path}.region"), &message);
        }
        let both = vcpu.zip(memory);
        let builder_second = both.map(|(vcpu, memory)| {
            vcpu.saturating_mul(vcpus)
                .saturating_add(memory.saturating_mul(gib))
        });
        self.rows.push(Prices {
            region,
            source,
            date,
            use_gib_hour,
            store_gib_month,
            builder_second,
        });
    }

    fn find(&mut self, path: String, message: &str) {
        self.findings.push(Finding::new(path, message));
    }

    fn misfit(&mut self, path: String, expected: &str, found: &Value) {
        self.findings.push(Finding::new(
            path,
            &TypeError { expected, found }.to_string(),
        ));
    }

    fn text(&mut self, path: &str, value: Option<&Value>) -> Option<String> {
        match value {
            Some(Value::String(text)) if !text.trim().is_empty() => return Some(text.clone()),
            None | Some(Value::Null | Value::String(_)) => self.find(path.to_owned(), "required"),
            Some(other) => self.misfit(path.to_owned(), "a string", other),
        }
        None
    }

    fn number(&mut self, path: &str, value: Option<&Value>, scale: u128) -> Option<u64> {
        let text = match value? {
            Value::Null => return None,
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            other => {
                self.misfit(path.to_owned(), "a number", other);
                return None;
            }
        };
        let number = decimal(&text, scale).and_then(|number| u64::try_from(number).ok());
        if number.is_none() {
            let message = if text.starts_with('-') {
                format!("`{text}`, must be at least 0")
            } else {
                format!("`{text}` is not a price")
            };
            self.find(path.to_owned(), &message);
        }
        number
    }

    /// Returns what could not be used, in the order of the files.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Returns the currency of all prices.
    #[must_use]
    pub fn currency(&self) -> Option<&str> {
        self.currency.as_deref()
    }

    /// Returns the prices of a region: its own, else those of every region. Without a region, the only ones there are.
    #[must_use]
    pub fn of(&self, region: Option<&str>) -> Option<&Prices> {
        let own = self
            .rows
            .iter()
            .find(|row| region.is_some() && row.region.as_deref() == region);
        let every = || self.rows.iter().find(|row| row.region.is_none());
        let only = || match self.rows.as_slice() {
            [row] if region.is_none() => Some(row),
            _ => None,
        };
        own.or_else(every).or_else(only)
    }
}

/// The instance that makes a cache. Source: the vendor's billing page, 2 vCPU and 4 GiB.
const BUILDER_VCPUS: u64 = 2;
const BUILDER_GIB: u64 = 4;

fn is_date(text: &str) -> bool {
    format!("{text}T00:00:00Z")
        .parse::<crate::time::Timestamp>()
        .is_ok()
}

/// Returns the JSON Schema of a price file.
///
/// ```
/// let schema = imagecache::plan::prices_schema();
/// assert_eq!(schema["required"], serde_json::json!(["currency", "prices"]));
/// ```
#[must_use]
pub fn prices_schema() -> Value {
    let price = |description: &str| {
        json!({"type": ["number", "string"], "minimum": 0, "pattern": r"^[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$",
            "description": description})
    };
    let whole =
        |description: &str| json!({"type": "integer", "minimum": 0, "description": description});
    let text =
        |description: &str| json!({"type": "string", "minLength": 1, "description": description});
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Prices for imagecache plan",
        "type": "object",
        "required": ["currency", "prices"],
        "additionalProperties": false,
        "properties": {
            "$schema": {"type": "string"},
            "currency": text("The currency of every price, such as USD. A row of another currency is not used."),
            "prices": {"type": "array", "items": {
                "type": "object",
                "required": ["source", "date"],
                "additionalProperties": false,
                "properties": {
                    "region": text("The region, such as cn-hangzhou. Absent: every region without a row of its own."),
                    "source": text("Where the prices are from: the address of a page, an invoice."),
                    "date": {"type": "string", "format": "date", "description": "The day on which the source was read."},
                    "currency": text("The currency of this row, where it is not that of the file."),
                    "useGibHour": price("A GiB of disk for an hour. Each running pod pays for a disk of the size of its cache."),
                    "storeGibMonth": price("A GiB of snapshot for a month of 30 days."),
                    "builderVcpuSecond": price("A vCPU of the instance that makes a cache, for a second."),
                    "builderGibSecond": price("A GiB of memory of that instance, for a second."),
                    "builderVcpus": whole("The vCPUs of that instance; 2 unless set."),
                    "builderGib": whole("The memory of that instance in GiB; 4 unless set."),
                },
            }},
        },
    })
}
