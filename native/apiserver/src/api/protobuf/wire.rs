//! Protobuf's wire format: numbered fields with a variable-length integer, eight bytes, or bytes with their length.

/// What a field holds on the wire.
#[derive(Clone, Copy)]
pub(super) enum Scalar<'a> {
    Number(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
}

impl<'a> Scalar<'a> {
    fn wire_type(self) -> u8 {
        match self {
            Scalar::Number(_) => 0,
            Scalar::Fixed(_) => 1,
            Scalar::Bytes(_) => 2,
        }
    }

    fn wrong(self) -> String {
        format!("proto: wrong wireType = {}", self.wire_type())
    }

    pub(super) fn number(self) -> Result<u64, String> {
        match self {
            Scalar::Number(number) => Ok(number),
            other => Err(other.wrong()),
        }
    }

    pub(super) fn double(self) -> Result<f64, String> {
        match self {
            Scalar::Fixed(bits) => Ok(f64::from_bits(bits)),
            other => Err(other.wrong()),
        }
    }

    pub(super) fn bytes(self) -> Result<&'a [u8], String> {
        match self {
            Scalar::Bytes(bytes) => Ok(bytes),
            other => Err(other.wrong()),
        }
    }

    pub(super) fn text(self) -> Result<String, String> {
        String::from_utf8(self.bytes()?.to_vec())
            .map_err(|_| "proto: a text is not UTF-8".to_owned())
    }
}

/// Reads the fields of a message.
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
}

const CUT: &str = "unexpected EOF";

impl<'a> Reader<'a> {
    fn varint(&mut self) -> Result<u64, String> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (first, rest) = self.bytes.split_first().ok_or(CUT)?;
            self.bytes = rest;
            number |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err("proto: integer overflow".to_owned())
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], String> {
        let length = usize::try_from(length).map_err(|_| CUT)?;
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(CUT)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn fixed(&mut self, length: u64) -> Result<Scalar<'a>, String> {
        let mut bits = 0_u64;
        for byte in self.take(length)?.iter().rev() {
            bits = bits << 8 | u64::from(*byte);
        }
        Ok(Scalar::Fixed(bits))
    }

    /// The next field, with its number.
    pub(super) fn field(&mut self) -> Result<Option<(u64, Scalar<'a>)>, String> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Scalar::Number(self.varint()?),
            1 => self.fixed(8)?,
            2 => {
                let length = self.varint()?;
                Scalar::Bytes(self.take(length)?)
            }
            5 => self.fixed(4)?,
            other => return Err(format!("proto: illegal wireType {other}")),
        };
        Ok(Some((tag >> 3, value)))
    }
}

fn varint(mut number: u64, out: &mut Vec<u8>) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Appends a field with an integer.
pub(super) fn number(field: u64, number: u64, out: &mut Vec<u8>) {
    varint(field << 3, out);
    varint(number, out);
}

/// Appends a field with a floating-point number.
pub(super) fn double(field: u64, number: f64, out: &mut Vec<u8>) {
    varint(field << 3 | 1, out);
    out.extend_from_slice(&number.to_le_bytes());
}

/// Appends a field with bytes.
pub(super) fn bytes(field: u64, bytes: &[u8], out: &mut Vec<u8>) {
    varint(field << 3 | 2, out);
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}
