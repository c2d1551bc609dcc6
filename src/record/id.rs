//! An id or a time in the file: a number, or a number in a string.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An id. Beyond 2⁵³ it is written as a string: most readers of JSON keep numbers as floating point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Id(pub(crate) u64);

const EXACT: u64 = 1 << 53;

impl Id {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) fn is_zero(&self) -> bool {
        self.0 == 0
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.0 <= EXACT { to.serialize_u64(self.0) } else { to.collect_str(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit;
        impl de::Visitor<'_> for Visit {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id: a number, or a number in a string")
            }

            fn visit_u64<E: de::Error>(self, id: u64) -> Result<Id, E> {
                Ok(Id(id))
            }

            fn visit_str<E: de::Error>(self, id: &str) -> Result<Id, E> {
                id.parse().map(Id).map_err(E::custom)
            }
        }
        from.deserialize_any(Visit)
    }
}
