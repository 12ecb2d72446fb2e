//! The picture's format is given, so what is joined with it, or is put around it, would have to fit into that.
//! There the picture is copied by a layer of its own, whose result can have any format.

use thumbnet_graph::{
    Conv2d, FloatGraph, FloatWeights, Node, Op, RealOp, Tensor, TensorId, Window,
};

/// `graph` with a copy of the picture wherever that is joined with other maps; `None` if it is nowhere.
pub(crate) fn picture_from_others(graph: &FloatGraph) -> Option<FloatGraph> {
    let mut of_picture = vec![false; graph.tensors.len()];
    of_picture[graph.input.0] = true;
    let mut made: Option<FloatGraph> = None;
    let mut added = 0;
    for (index, node) in graph.nodes.iter().enumerate() {
        let copied = node.inputs.iter().any(|input| of_picture[input.0]);
        let joins = match &node.op {
            Op::MaxPool2d(_) => false,
            Op::Real(RealOp::Pad(_, value)) => *value != 0.0,
            Op::Real(op) if op.copies_elements() => matches!(op, RealOp::Concat(_)),
            _ => continue,
        };
        if !copied || !joins {
            of_picture[node.output.0] = copied;
            continue;
        }
        let graph = made.get_or_insert_with(|| graph.clone());
        for (place, input) in
            node.inputs.iter().enumerate().filter(|(_, input)| of_picture[input.0])
        {
            let copy = copy_of(graph, *input, &node.name);
            graph.nodes[index + added].inputs[place] = copy.output;
            graph.nodes.insert(index + added, copy);
            added += 1;
        }
    }
    made
}

fn copy_of(graph: &mut FloatGraph, input: TensorId, name: &str) -> Node<FloatWeights> {
    let shape = graph.tensor(input).shape;
    let tensor = Tensor { name: format!("{name}_picture"), shape, format: () };
    let weights = FloatWeights { values: vec![1.0; shape.c], bias: vec![0.0; shape.c] };
    let op = Op::Conv2d(Conv2d { window: Window::UNIT, groups: shape.c, weights });
    let output = graph.add_tensor(tensor);
    Node { name: format!("{name}_copy"), op, inputs: vec![input], output }
}
