//! What a firmware image contains: bytes of flash and RAM, symbols, memory that it would occupy.

use crate::error::SimulateError;
use object::read::elf::{ElfFile32, FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSection, ObjectSymbol, SectionFlags, SectionKind, elf};
use std::path::Path;
use thumbnet_compile::Memory;

/// Parts of symbol names that stand for code which inference must not contain. All are parts of the names
/// that the compiler mangles, in either of its two forms.
const FORBIDDEN: [&str; 8] = [
    "4core9panicking",
    "panic_bounds_check",
    "slice_index_fail",
    "expect_failed",
    "unwrap_failed",
    "rust_begin_unwind",
    "__rust_alloc",
    "5alloc",
];

/// A firmware image, as far as it matters here.
#[derive(Clone, Debug)]
pub struct Image {
    sizes: Sizes,
    segments: Vec<Segment>,
    symbols: Vec<String>,
}

/// Bytes of a firmware image by memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Instructions (and constants among them).
    pub code_bytes: u64,
    /// Constants and the vector table.
    pub constant_bytes: u64,
    /// Initialized variables, in flash and again in RAM.
    pub data_bytes: u64,
    /// Variables that start as zero or uninitialized.
    pub zeroed_bytes: u64,
}

impl Sizes {
    /// What the image takes of the flash.
    pub fn flash_bytes(&self) -> u64 {
        self.code_bytes + self.constant_bytes + self.data_bytes
    }

    /// What its variables take of the RAM; the stack comes on top.
    pub fn ram_bytes(&self) -> u64 {
        self.data_bytes + self.zeroed_bytes
    }
}

/// A part of the image that is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where its bytes are stored (flash).
    pub load_address: u64,
    /// How many bytes are stored there.
    pub load_bytes: u64,
    /// Where the program sees them.
    pub run_address: u64,
    /// How many bytes the program sees there.
    pub run_bytes: u64,
}

impl Image {
    /// Reads the ELF file `path`.
    ///
    /// # Errors
    /// [`SimulateError::File`], or [`SimulateError::Image`] if it is not a 32-bit Arm ELF with symbols.
    pub fn read(path: &Path) -> Result<Self, SimulateError> {
        let bytes = std::fs::read(path)
            .map_err(|source| SimulateError::File { path: path.to_owned(), source })?;
        Self::parse(&bytes).map_err(|reason| SimulateError::Image { path: path.to_owned(), reason })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let file: ElfFile32<'_> =
            ElfFile32::parse(bytes).map_err(|error| format!("no 32-bit ELF ({error})"))?;
        let endian = file.endian();
        if file.elf_header().e_machine(endian) != elf::EM_ARM {
            return Err("it is not for Arm".to_owned());
        }
        let symbols: Vec<_> = file
            .symbols()
            .filter_map(|symbol| symbol.name().ok())
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        if symbols.is_empty() {
            return Err("its symbols were stripped".to_owned());
        }
        let headers = file.elf_program_headers();
        let loads = headers.iter().filter(|header| header.p_type(endian) == elf::PT_LOAD);
        let segments = loads.map(|header| segment(header, endian)).collect();
        Ok(Self { sizes: sizes(&file), segments, symbols })
    }

    /// Bytes by memory.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// The parts that are loaded and have any bytes.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Symbols of panic, bounds-check and allocation code: none in an image that can neither panic nor
    /// allocate.
    pub fn forbidden_symbols(&self) -> Vec<&str> {
        let names = self.symbols.iter().map(String::as_str);
        names.filter(|name| FORBIDDEN.iter().any(|part| name.contains(part))).collect()
    }

    /// The loaded parts that lie, wholly or partly, outside `memories`: none if the image fits the chip.
    pub fn segments_outside(&self, memories: &[Memory]) -> Vec<Segment> {
        let holds = |address: u64, bytes: u64| {
            memories.iter().any(|memory| {
                let offset = address.checked_sub(memory.origin);
                offset
                    .is_some_and(|offset| offset <= memory.bytes && bytes <= memory.bytes - offset)
            })
        };
        let inside = |segment: &&Segment| {
            holds(segment.load_address, segment.load_bytes)
                && holds(segment.run_address, segment.run_bytes)
        };
        self.segments.iter().filter(|segment| !inside(segment)).copied().collect()
    }
}

fn segment(header: &elf::ProgramHeader32<Endianness>, endian: Endianness) -> Segment {
    Segment {
        load_address: header.p_paddr(endian).into(),
        load_bytes: header.p_filesz(endian).into(),
        run_address: header.p_vaddr(endian).into(),
        run_bytes: header.p_memsz(endian).into(),
    }
}

fn sizes(file: &ElfFile32<'_>) -> Sizes {
    let mut sizes = Sizes::default();
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags } = section.flags() else { continue };
        if sh_flags & u64::from(elf::SHF_ALLOC) == 0 {
            continue; // names, log strings, debug information: not on the board
        }
        let bytes = section.size();
        match section.kind() {
            SectionKind::UninitializedData => sizes.zeroed_bytes += bytes,
            _ if sh_flags & u64::from(elf::SHF_EXECINSTR) != 0 => sizes.code_bytes += bytes,
            _ if sh_flags & u64::from(elf::SHF_WRITE) != 0 => sizes.data_bytes += bytes,
            _ => sizes.constant_bytes += bytes,
        }
    }
    sizes
}
