//! Watches an inference: a checksum of every layer's output and what the layer cost.

use crate::clock::Clock;
use crate::console::message::LayerRecord;
use crc::{CRC_32_ISO_HDLC, Crc, Table};
use heapless::Vec;
use thumbnet_kernels::model::Observer;

/// CRC-32 as in Ethernet, ZIP and PNG, by one table of 1 KiB in flash.
static CRC32: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);

/// CRC-32 (ISO-HDLC) of bytes on the wire.
pub fn crc32(bytes: &[u8]) -> u32 {
    CRC32.checksum(bytes)
}

/// CRC-32 (ISO-HDLC) of an int8 map, each value as one byte in two's complement: what the host
/// compares layers by.
pub fn crc32_of_map(map: &[i8]) -> u32 {
    crc32_of_more(0, map)
}

/// CRC-32 of what has the CRC-32 `before`, 0 if it is nothing, and of `map` after it.
fn crc32_of_more(before: u32, map: &[i8]) -> u32 {
    // What a digest has computed so far, it gives inverted and takes reversed.
    let mut digest = CRC32.digest_with_initial((!before).reverse_bits());
    let mut bytes = [0; 32];
    for chunk in map.chunks(bytes.len()) {
        for (byte, &value) in bytes.iter_mut().zip(chunk) {
            *byte = value.cast_unsigned();
        }
        digest.update(bytes.get(..chunk.len()).unwrap_or(&[]));
    }
    digest.finalize()
}

/// Records checksum and ticks of each layer. The time that the record itself takes (the checksum
/// above all) is not counted as any layer's.
#[derive(Debug)]
pub struct Trace<'a, C, const LAYERS: usize> {
    clock: &'a mut C,
    records: &'a mut Vec<LayerRecord, LAYERS>,
    checksums: bool,
    resumed_at: u64,
    ticks: u64,
}

impl<'a, C: Clock, const LAYERS: usize> Trace<'a, C, LAYERS> {
    /// A trace that starts counting now. Without `checksums` each record's CRC is 0.
    pub fn start(
        clock: &'a mut C,
        records: &'a mut Vec<LayerRecord, LAYERS>,
        checksums: bool,
    ) -> Self {
        records.clear();
        let resumed_at = clock.ticks();
        Self { clock, records, checksums, resumed_at, ticks: 0 }
    }

    /// Ticks spent in the network from the start to the last layer, the trace's own left out.
    pub fn ticks(&self) -> u64 {
        self.ticks
    }
}

impl<C: Clock, const LAYERS: usize> Observer for Trace<'_, C, LAYERS> {
    #[inline(never)] // one copy; it is called once a layer
    fn layer(&mut self, index: usize, output: &[i8]) {
        let ticks = self.clock.ticks().saturating_sub(self.resumed_at);
        self.ticks += ticks;
        let empty = LayerRecord { crc32: 0, ticks: 0 };
        // Layers beyond the capacity are counted but not recorded; boards size it by their model.
        while self.records.len() <= index && self.records.push(empty).is_ok() {}
        // Of a layer by stripes, these are more rows.
        if let Some(record) = self.records.get_mut(index) {
            record.ticks += ticks;
            if self.checksums {
                record.crc32 = crc32_of_more(record.crc32, output);
            }
        }
        self.resumed_at = self.clock.ticks();
    }
}

#[cfg(test)]
mod tests {
    use super::{Trace, crc32, crc32_of_map};
    use crate::fakes::Stepping;
    use heapless::Vec;
    use thumbnet_kernels::model::Observer;

    #[test]
    fn crc_is_the_one_of_ethernet() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let map: std::vec::Vec<i8> = (0..100).map(|value| value - 50).collect();
        let bytes: std::vec::Vec<u8> = map.iter().map(|&value| value as u8).collect();
        assert_eq!(crc32_of_map(&map), crc32(&bytes));
        assert_eq!(crc32_of_map(&[]), crc32(&[]));
    }

    #[test]
    fn the_trace_leaves_its_own_time_out() {
        let mut clock = Stepping::default();
        let mut records: Vec<_, 2> = Vec::new();
        let mut trace = Trace::start(&mut clock, &mut records, true);
        trace.layer(0, &[1, 2, 3]);
        trace.layer(1, &[]);
        trace.layer(2, &[4]); // beyond the capacity: counted, not recorded
        // Seven readings of 100 each pass; three intervals of 100 belong to layers.
        assert_eq!(trace.ticks(), 300);
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].crc32, crc32(&[1, 2, 3]));
        assert_eq!((records[0].ticks, records[1].ticks), (100, 100));
    }

    #[test]
    fn stripes_of_a_layer_add_up() {
        let mut clock = Stepping::default();
        let mut records: Vec<_, 2> = Vec::new();
        let mut trace = Trace::start(&mut clock, &mut records, true);
        for (index, rows) in [(1, &[-7][..]), (0, &[1, 2]), (0, &[3]), (1, &[]), (1, &[9, 8])] {
            trace.layer(index, rows);
        }
        assert_eq!(trace.ticks(), 500);
        let expected = [(200, crc32_of_map(&[1, 2, 3])), (300, crc32_of_map(&[-7, 9, 8]))];
        let recorded: std::vec::Vec<_> =
            records.iter().map(|record| (record.ticks, record.crc32)).collect();
        assert_eq!(recorded, expected);
    }

    #[test]
    fn without_checksums_only_time_is_recorded() {
        let mut clock = Stepping::default();
        let mut records: Vec<_, 1> = Vec::new();
        Trace::start(&mut clock, &mut records, false).layer(0, &[1, 2, 3]);
        assert_eq!((records[0].crc32, records[0].ticks), (0, 100));
    }
}
