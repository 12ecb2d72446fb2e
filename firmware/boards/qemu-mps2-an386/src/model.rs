//! fake
#![allow(missing_docs)]
use thumbnet_kernels::geometry::Shape;
use thumbnet_kernels::model::{Arena, Info, Model, Observer};
pub struct Network;
impl Model for Network {
    type Arena = Arena<1024>;
    const INFO: Info = Info {
        name: "fake",
        digest: [1; 8],
        input: Shape::new(28, 28, 1),
        input_scale: 1.0 / 255.0,
        input_zero_point: -128,
        output_scale: 0.1,
        output_zero_point: 3,
        labels: &["a", "b"],
        layers: &["sum", "burn"],
    };
    const ARENA: Self::Arena = Arena::NEW;
    fn input(arena: &mut Self::Arena) -> &mut [i8] {
        &mut arena.0[..784]
    }
    fn infer<O: Observer>(arena: &mut Self::Arena, observer: &mut O) {
        let sum = arena.0[..784].iter().fold(0_i8, |sum, &x| sum.wrapping_add(x));
        arena.0[800] = sum;
        observer.layer(0, &arena.0[800..801]);
        cortex_m::asm::delay(2_000_000);
        arena.0[801] = sum.wrapping_mul(3);
        observer.layer(1, &arena.0[800..802]);
    }
    fn logits(arena: &Self::Arena) -> &[i8] {
        &arena.0[800..802]
    }
}
