//! Values by name in a fixed order.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// Values by name, in the order in which they were added; an object in JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedValues<T> {
    values: Vec<(String, T)>,
    /// Index of each name among the values.
    positions: HashMap<String, usize>,
}

impl<T> NamedValues<T> {
    /// Returns the value of a name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.positions.get(name).map(|&position| &self.values[position].1)
    }

    /// Returns whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Returns the names in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|(name, _)| name.as_str())
    }

    /// Adds a value, or replaces the value of the same name.
    pub fn insert(&mut self, name: &str, value: T) {
        if let Some(&position) = self.positions.get(name) {
            self.values[position].1 = value;
        } else {
            self.positions.insert(name.to_owned(), self.values.len());
            self.values.push((name.to_owned(), value));
        }
    }
}

impl<T> Default for NamedValues<T> {
    fn default() -> Self {
        Self { values: Vec::new(), positions: HashMap::new() }
    }
}

impl<'a, T> FromIterator<(&'a str, T)> for NamedValues<T> {
    fn from_iter<I: IntoIterator<Item = (&'a str, T)>>(values: I) -> Self {
        let mut named = Self::default();
        for (name, value) in values {
            named.insert(name, value);
        }
        named
    }
}

impl<T: Serialize> Serialize for NamedValues<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.values.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for NamedValues<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Values<T> {
            type Value = NamedValues<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(
                self,
                mut map: M,
            ) -> Result<Self::Value, M::Error> {
                let mut values = NamedValues::default();
                while let Some((name, value)) = map.next_entry::<String, T>()? {
                    values.insert(&name, value);
                }
                Ok(values)
            }
        }
        deserializer.deserialize_map(Values(PhantomData))
    }
}
