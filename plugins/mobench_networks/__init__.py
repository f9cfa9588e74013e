"""Target networks for images: standard torch modules with one output layer per head of the dataset."""

from mobench.plugins import Spec, hookimpl


@hookimpl
def mobench_models() -> list[Spec]:
    return [
        Spec(
            "lenet",
            "mobench_networks.lenet:LeNet",
            summary="two convolutions and a shared dense layer; 31,910 parameters at 36×36",
            source="arXiv 2010.04104, appendix",
            version="1",
            default_for=("image",),
        ),
        Spec(
            "lenet-cosmos",
            "mobench_networks.lenet:CosmosLeNet",
            summary="the LeNet of COSMOS: 5×5 convolutions, ReLU after the dense layer; 42,350 parameters at 36×36",
            source="arXiv 2103.13392, its code",
            version="1",
        ),
        Spec(
            "mtl-cnn",
            "mobench_networks.mtl_cnn:MtlCnn",
            summary="three convolutions, two pools, shared dense layer with dropout",
            source="student report, January 2024, section 3",
            version="2",
        ),
        Spec(
            "fcn",
            "mobench_networks.fcn:Fcn",
            summary="strided and dilated convolutions, a prediction at every pixel; 24,772 parameters for `earth`",
            source="arXiv 1411.4038",
            version="1",
            small={"filters": [4, 4]},
        ),
    ]
