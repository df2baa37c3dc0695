"""A reference implementation of neural-network derivatives and curvature.

One network, written once, evaluated in many number systems; every derivative and every curvature
matrix reached by independent routes; every answer available with a proof of its digits.
"""

from . import optim, problems, testing, training
from .arrays.ball import Undecided
from .arrays.transfer import move, to_host
from .curvature.averaged import bda_pch, kfra
from .curvature.between import kfac_dense
from .curvature.block_diagonal import block_diagonal
from .curvature.conversion import convert_damping, shifts
from .curvature.diagonal import diagonal
from .curvature.eigenpairs import extreme_eigenpairs
from .curvature.ekfac import ekfac
from .curvature.gauss_newton import fisher, gauss_newton
from .curvature.gram import gram, gram_solve
from .curvature.hessian import hessian
from .curvature.kbfgs import initial_factors as kbfgs_factors
from .curvature.kbfgs import update as kbfgs_update
from .curvature.kfac import kfac, kflr
from .curvature.kron import Kron, KronBlocks
from .curvature.limited_memory import LimitedMemory
from .curvature.nearest import kron_singular_values, nearest_kron
from .curvature.ntk import ntk
from .curvature.operator import block, blocks, columns, dense, room
from .curvature.partition import partition
from .curvature.positive_curvature import positive_curvature
from .curvature.quadrature import spectral_density
from .curvature.solve import solve
from .curvature.spectrum import condition_number, eigenvalues, inertia, negative_curvature
from .curvature.streaming import stream
from .curvature.traces import diagonal_estimate, trace
from .curvature.tridiagonal import kfac_tridiagonal
from .derivatives.jacobian import jacobian, per_example_gradients
from .derivatives.routes import ROUTES, gradient, hvp, jvp, vjp
from .derivatives.taylor import taylor
from .derivatives.third import third
from .network.affine import Dense
from .network.attention import Attention, MultiHeadAttention
from .network.branches import Parallel, Residual, Tied
from .network.compose import Sequential
from .network.convolution import Conv1d, Conv2d
from .network.dropout import Dropout, dropout
from .network.elementwise import (ELU, GELU, SELU, GELUTanh, HardTanh, Identity, LeakyReLU, Mish,
                                  ReLU, Sigmoid, SiLU, Sine, Softplus, Softsign, Tanh)
from .network.embedding import Embedding, LearnedPositions, SinusoidalPositions, Unembedding
from .network.from_onnx import from_onnx
from .network.from_torch import from_torch
from .network.layer import Layer
from .network.losses import (BinaryCrossEntropy, CrossEntropy, Gaussian, Huber, Poisson,
                             SquaredError)
from .network.maxpool import MaxPool1d, MaxPool2d
from .network.normalise import LayerNorm, RMSNorm
from .network.normalise_channels import BatchNorm, GroupNorm, InstanceNorm
from .network.objective import Objective
from .network.padding import Flatten, Transpose, ZeroPad1d, ZeroPad2d
from .network.pooling import AdaptiveAvgPool1d, AdaptiveAvgPool2d, AvgPool1d, AvgPool2d
from .network.recurrent import GRU, LSTM, RNN
from .network.transformer import FeedForward, TransformerEncoder, TransformerEncoderLayer
from .network.transposed import ConvTranspose1d, ConvTranspose2d
from .optim.block_hessian_free import BlockHessianFree
from .optim.claims import invariants
from .optim.classical import LBFGS, Newton
from .optim.ea_cg import EACG
from .optim.first_order import SGD, Adam, RMSprop
from .optim.hessian_free import HessianFree
from .optim.invariants import Invariants, Violation
from .optim.kbfgs import KBFGS
from .optim.kfac import KFAC
from .optim.levenberg_marquardt import BlockLevenbergMarquardt, LevenbergMarquardt
from .optim.newton_krylov import NewtonKrylov
from .optim.simple_kfac import SimpleKFAC
from .optim.step import run
from .optim.stochastic_hessian_free import StochasticHessianFree
from .oracle import golden
from .oracle import museum
from .oracle.atlas import Relation, relate
from .oracle.certify import Certificate, NotProven, certify
from .oracle.conventions import CONVENTIONS as conventions
from .oracle.conventions.convert import convert
from .oracle.judge.points.audit import audit
from .oracle.judge.points.designer import design, test_point
from .oracle.judge.identify import identify
from .oracle.judge.verdict import check
from .oracle.layers import check_layer
from .oracle.matrices import MATRICES
from .oracle.theorems import THEOREMS, Theorem
from .teaching import exercises, explain
from .training.sweep import sweep
from .training.trainer import train

__version__ = "0.1.0"
