"""Small PyTorch networks with random weights, of the kinds that classifiers are made of."""
import torch
import torch.nn as nn
import torch.nn.functional as F


class Seed(nn.Module):
    shape = (1, 12, 12)

    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.MaxPool2d(2),
                               nn.Dropout(0.25))
        self.c = nn.Sequential(nn.Linear(8 * 16, 12), nn.ReLU(), nn.Dropout(0.5), nn.Linear(12, 10))

    def forward(self, x):
        return self.c(torch.flatten(self.f(x), 1))


class LeNet(nn.Module):
    shape = (1, 16, 16)

    def __init__(self):
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(1, 4, 5, padding=2), nn.Conv2d(4, 6, 3)
        self.l1, self.l2 = nn.Linear(6 * 9, 16), nn.Linear(16, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        x = x.view(x.size(0), -1)
        return F.log_softmax(self.l2(F.relu(self.l1(x))), dim=1)


def separable(i, o, stride):
    return nn.Sequential(nn.Conv2d(i, i, 3, stride, 1, groups=i, bias=False), nn.BatchNorm2d(i), nn.ReLU6(),
                         nn.Conv2d(i, o, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU6())


class MobileNetV1(nn.Module):
    shape = (3, 16, 16)

    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(),
                               separable(8, 12, 1), separable(12, 16, 2))
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        return self.fc(self.f(x).mean([2, 3]))


class Inverted(nn.Module):
    def __init__(self, i, o, stride, factor):
        super().__init__()
        h = i * factor
        self.residual = stride == 1 and i == o
        self.f = nn.Sequential(nn.Conv2d(i, h, 1, bias=False), nn.BatchNorm2d(h), nn.ReLU6(),
                               nn.Conv2d(h, h, 3, stride, 1, groups=h, bias=False), nn.BatchNorm2d(h), nn.ReLU6(),
                               nn.Conv2d(h, o, 1, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        return x + self.f(x) if self.residual else self.f(x)


class MobileNetV2(nn.Module):
    shape = (3, 16, 16)

    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(),
                               Inverted(8, 8, 1, 2), Inverted(8, 12, 2, 2), Inverted(12, 12, 1, 2))
        self.p, self.d, self.fc = nn.AdaptiveAvgPool2d((1, 1)), nn.Dropout(0.2), nn.Linear(12, 10)

    def forward(self, x):
        x = self.p(self.f(x))
        x = x.reshape(x.shape[0], -1)
        return self.fc(self.d(x))


class Head(nn.Module):
    """Ends in a mean over positions; dilated and grouped."""
    shape = (3, 12, 12)

    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.c2 = nn.Conv2d(8, 8, 3, dilation=2, padding=2, groups=2)
        self.c3 = nn.Conv2d(8, 10, 1)

    def forward(self, x):
        x = self.c3(F.relu(self.c2(F.relu(self.c1(x)))))
        return F.adaptive_avg_pool2d(x, 1).squeeze(3).squeeze(2)


NETWORKS = {"seed": Seed, "lenet": LeNet, "mobv1": MobileNetV1, "mobv2": MobileNetV2, "head": Head}


def make(name):
    """The network of that name, with batch normalization as if it had been trained."""
    torch.manual_seed(sum(map(ord, name)))
    network = NETWORKS[name]().eval()
    random = torch.Generator().manual_seed(7)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            n = layer.num_features
            layer.running_mean = torch.randn(n, generator=random) * 0.2
            layer.running_var = torch.rand(n, generator=random) * 0.3 + 0.1
            layer.weight.data = torch.rand(n, generator=random) * 0.8 + 0.6
            layer.bias.data = torch.randn(n, generator=random) * 0.3
    return network
