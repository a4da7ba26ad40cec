"""Small data sets, fetched once, checked, and read without unpickling; and a piece of MNIST that needs no network."""

from kerata.datasets import boston_housing as boston_housing
from kerata.datasets import california_housing as california_housing
from kerata.datasets import cifar10 as cifar10
from kerata.datasets import cifar100 as cifar100
from kerata.datasets import fashion_mnist as fashion_mnist
from kerata.datasets import imdb as imdb
from kerata.datasets import mnist as mnist
from kerata.datasets import reuters as reuters
