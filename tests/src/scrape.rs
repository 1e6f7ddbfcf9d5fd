//! A page of metrics in the Prometheus text format, read strictly enough to count by.

use std::collections::BTreeMap;

/// The labels of a sample.
pub type Labels = BTreeMap<String, String>;

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// With a histogram's suffix.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
}

/// A scrape.
#[derive(Debug, Clone, Default)]
pub struct Scrape {
    /// Each family's type, by name.
    pub families: BTreeMap<String, String>,
    /// All samples, in their order.
    pub samples: Vec<Sample>,
}

impl Scrape {
    /// Reads a page.
    ///
    /// # Panics
    /// A line is none of the format's.
    pub fn read(page: &str) -> Self {
        let mut scrape = Self::default();
        for line in page.lines().filter(|line| !line.is_empty() && !line.starts_with("# HELP ")) {
            if let Some(family) = line.strip_prefix("# TYPE ") {
                let (name, kind) = family.split_once(' ').unwrap_or_else(|| panic!("`{line}`"));
                let before = scrape.families.insert(name.to_owned(), kind.to_owned());
                assert_eq!(before, None, "`{name}` comes twice");
            } else {
                scrape.samples.push(sample(line));
            }
        }
        scrape
    }

    /// The samples of that name whose labels include these.
    pub fn find(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Sample> {
        let fits = |sample: &&Sample| {
            sample.name == name && labels.iter().all(|(key, value)| sample.labels.get(*key).is_some_and(|l| l == value))
        };
        self.samples.iter().filter(fits).collect()
    }

    /// The sum of those samples.
    ///
    /// # Panics
    /// There is none.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let found = self.find(name, labels);
        assert!(!found.is_empty(), "no sample of `{name}` has {labels:?}");
        found.iter().map(|sample| sample.value).sum()
    }
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("`{line}` has no value"));
    let value = value.parse().unwrap_or_else(|_| panic!("`{line}` has no number"));
    let Some((name, labels)) = series.split_once('{') else {
        return Sample { name: series.to_owned(), labels: Labels::new(), value };
    };
    let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("`{line}` has no end of labels"));
    let pairs = labels.split("\",").filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once("=\"").unwrap_or_else(|| panic!("`{line}`: `{pair}` is no label"));
        (key.to_owned(), value.trim_end_matches('"').to_owned())
    });
    Sample { name: name.to_owned(), labels: pairs.collect(), value }
}
