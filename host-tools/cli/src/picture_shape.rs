//! `--input 96x96x3`: the shape of the pictures that a network takes.

/// `[h, w, c]` of `HxWxC`.
pub(crate) fn picture_shape(text: &str) -> Result<[usize; 3], String> {
    let sizes: Result<Vec<usize>, _> = text.split('x').map(str::parse).collect();
    match sizes.as_deref() {
        Ok(&[h, w, c]) if h > 0 && w > 0 && (c == 1 || c == 3) => Ok([h, w, c]),
        _ => Err("a shape is rows, columns and 1 (grey) or 3 (colour), as 96x96x3".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::picture_shape;

    #[test]
    fn three_sizes_are_a_shape() {
        assert_eq!(picture_shape("96x64x3"), Ok([96, 64, 3]));
        for text in
            ["", "96", "96x96", "96x96x2", "0x96x1", "96x96x3x1", "axbx3", "-1x2x3", "9 x9x1"]
        {
            assert!(picture_shape(text).is_err(), "{text}");
        }
    }
}
