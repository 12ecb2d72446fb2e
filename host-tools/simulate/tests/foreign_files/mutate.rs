//! Damage that a protobuf parser takes seriously: lengths stay right where a field is changed, doubled, moved or
//! taken from another file.

/// A seeded source of damage (SplitMix64).
pub(crate) struct Mutator(u64);

impl Mutator {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// One of `files`, damaged in one to four places.
    pub(crate) fn damage(&mut self, files: &[Vec<u8>]) -> Vec<u8> {
        let mut file = files[self.below(files.len())].clone();
        for _ in 0..=self.below(4) {
            let other = &files[self.below(files.len())];
            match self.below(8) {
                0 => self.flip_bit(&mut file),
                1 => self.splice(&mut file, other),
                _ => file = self.edit_message(&file, other, 0),
            }
        }
        file
    }

    fn flip_bit(&mut self, file: &mut [u8]) {
        if !file.is_empty() {
            let at = self.below(file.len());
            file[at] ^= 1 << self.below(8);
        }
    }

    /// Puts a piece of `other` somewhere.
    fn splice(&mut self, file: &mut Vec<u8>, other: &[u8]) {
        let start = self.below(other.len());
        let piece = other[start..].iter().take(1 + self.below(64)).copied();
        let at = self.below(file.len());
        let end = (at + self.below(64)).min(file.len());
        file.splice(at..end, piece);
    }

    /// `message` with one of its fields, at any depth, changed; as it is if it is no message.
    fn edit_message(&mut self, message: &[u8], other: &[u8], depth: usize) -> Vec<u8> {
        let Some(mut fields) = fields(message) else { return self.edit_bytes(message) };
        if fields.is_empty() {
            return message.to_vec();
        }
        let at = self.below(fields.len());
        match self.below(if depth < 2 { 16 } else { 6 }) {
            0 => {
                fields.remove(at);
            }
            1 => {
                let field = fields[at].clone();
                fields.insert(self.below(fields.len()), field);
            }
            2 => {
                let with = self.below(fields.len());
                fields.swap(at, with);
            }
            3 => {
                if let Some(theirs) = self::fields(other)
                    && !theirs.is_empty()
                {
                    fields[at] = theirs[self.below(theirs.len())].clone();
                }
            }
            _ => {
                let value = match &fields[at].value {
                    Value::Number(number) => Value::Number(self.number(*number)),
                    Value::Fixed(bytes) => Value::Fixed(self.fixed(bytes)),
                    Value::Bytes(bytes) if depth < 6 => {
                        Value::Bytes(self.edit_message(bytes, other, depth + 1))
                    }
                    Value::Bytes(bytes) => Value::Bytes(self.edit_bytes(bytes)),
                };
                fields[at].value = value;
            }
        }
        encode(&fields)
    }

    fn number(&mut self, old: u64) -> u64 {
        match self.below(6) {
            0 => old.wrapping_add(1),
            1 => old.wrapping_sub(1),
            2 => u64::MAX,
            3 => i64::MAX as u64,
            4 => 0,
            _ => self.next() >> self.below(64),
        }
    }

    fn fixed(&mut self, old: &[u8]) -> Vec<u8> {
        let special = [f32::NAN, 0.0, -1.0, f32::INFINITY, f32::MIN_POSITIVE, 1e-40, 3.4e38];
        let mut new = old.to_vec();
        let float = special[self.below(special.len())].to_le_bytes();
        new.iter_mut().zip(float).for_each(|(byte, float)| *byte = float);
        new
    }

    fn edit_bytes(&mut self, old: &[u8]) -> Vec<u8> {
        let mut new = old.to_vec();
        match self.below(4) {
            0 => new.truncate(self.below(old.len() + 1)),
            1 => new.extend_from_slice(&old[self.below(old.len() + 1)..]),
            2 if old.len() >= 4 => {
                let at = self.below(old.len() / 4) * 4;
                let float = self.fixed(&old[at..at + 4]);
                new[at..at + 4].copy_from_slice(&float);
            }
            _ => self.flip_bit(&mut new),
        }
        new
    }
}

#[derive(Clone)]
struct Field {
    number: u64,
    value: Value,
}

#[derive(Clone)]
enum Value {
    Number(u64),
    /// Of 4 or 8 bytes.
    Fixed(Vec<u8>),
    Bytes(Vec<u8>),
}

/// The fields of a message, if `message` is one.
fn fields(message: &[u8]) -> Option<Vec<Field>> {
    let mut rest = message;
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut rest)?),
            1 => Value::Fixed(rest.split_off(..8)?.to_vec()),
            5 => Value::Fixed(rest.split_off(..4)?.to_vec()),
            2 => {
                let len = usize::try_from(varint(&mut rest)?).ok()?;
                Value::Bytes(rest.split_off(..len)?.to_vec())
            }
            _ => return None,
        };
        fields.push(Field { number: key >> 3, value });
    }
    Some(fields)
}

fn encode(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        let key = field.number << 3;
        match &field.value {
            Value::Number(number) => {
                put(&mut out, key);
                put(&mut out, *number);
            }
            Value::Fixed(bytes) => {
                put(&mut out, key | if bytes.len() == 8 { 1 } else { 5 });
                out.extend_from_slice(bytes);
            }
            Value::Bytes(bytes) => {
                put(&mut out, key | 2);
                put(&mut out, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
        }
    }
    out
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
